"""ScopeGraph and sharing -> text, table, picture (SVG), page (HTML). Nothing that draws looks at TensorFlow."""

"""Keeps pytest from importing the program: its flags of 2017 read pytest's own command line when one looks at them."""

collect_ignore = ["digits_2017.py"]

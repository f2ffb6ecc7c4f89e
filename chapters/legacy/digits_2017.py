# -*- coding: utf-8 -*-
"""Recognizes handwritten digits, 8 x 8 pixels.

The network, as in the group's report:

    conv1       3 x 3 convolution, 8 channels
    block1      residual block, two 3 x 3 convolutions, 8 channels
    block2      residual block, two 3 x 3 convolutions, 8 channels
    attention   4 glimpses: scores by a hidden layer of 8, softmax over places
    fc          hidden layer, 32 units
    logits      10 classes

9 layers, 18 variables (a weight and a bias for each), 3910 parameters.

Two towers share one set of weights: `train`, with dropout, and `test`, without.

Usage:
    python digits_2017.py --train_dir=run --steps=500

History:
    2017-03  conv1, conv2, conv3, fc, logits
    2017-05  conv2 and conv3 became residual blocks
    2017-06  attention instead of the average over all places
    2017-08  learning rates by group (the convolutions are slower)
"""
from __future__ import absolute_import
from __future__ import division
from __future__ import print_function

import collections
import os

import numpy as np
import tensorflow.compat.v1 as tf  # 2017: import tensorflow as tf

flags = tf.app.flags
FLAGS = flags.FLAGS

flags.DEFINE_string('data', os.path.join('data', 'digits.npz'), 'the digits')
flags.DEFINE_string('train_dir', '', 'checkpoints and summaries; none if empty')
flags.DEFINE_integer('steps', 500, 'how many batches to train on')
flags.DEFINE_integer('batch_size', 64, 'examples in a batch')
flags.DEFINE_integer('log_every', 100, 'steps between two lines of the log')
flags.DEFINE_float('learning_rate', 0.01, 'of the fully connected layers')
flags.DEFINE_float('conv_learning_rate', 0.005, 'of the convolutions')
flags.DEFINE_float('weight_decay', 1e-4, 'factor of the l2 loss')
flags.DEFINE_float('keep_prob', 0.8, 'dropout before the logits')
flags.DEFINE_integer('seed', 2, 'of the initial weights, dropout and batches')

NUM_CLASSES = 10
NUM_TRAIN = 1200
CHANNELS = 8
GLIMPSES = 4


# ----------------------------------------------------------------------------
# Data
# ----------------------------------------------------------------------------


class DataSet(object):
  """Images and labels, handed out in batches, shuffled in each epoch."""

  def __init__(self, images, labels, seed):
    assert len(images) == len(labels)
    self.images = images
    self.labels = labels
    self._random = np.random.RandomState(seed)
    self._order = []

  @property
  def num_examples(self):
    return len(self.images)

  def next_batch(self, batch_size):
    """Returns the next `batch_size` images and labels."""
    while len(self._order) < batch_size:
      self._order.extend(self._random.permutation(self.num_examples))
    chosen = self._order[:batch_size]
    self._order = self._order[batch_size:]
    return self.images[chosen], self.labels[chosen]


def load_digits(path, seed):
  """Returns the data sets `train` and `test`; pixels are 0 to 1."""
  with np.load(path) as data:
    images = data['images'].astype(np.float32)[..., np.newaxis] / 16.0
    labels = data['labels'].astype(np.int64)
  train = DataSet(images[:NUM_TRAIN], labels[:NUM_TRAIN], seed)
  test = DataSet(images[NUM_TRAIN:], labels[NUM_TRAIN:], seed)
  return train, test


# ----------------------------------------------------------------------------
# Layers
# ----------------------------------------------------------------------------


def variable_summaries(var):
  """Attaches the mean and a histogram to a variable (for TensorBoard)."""
  with tf.name_scope('summaries'):
    tf.summary.scalar('mean', tf.reduce_mean(var))
    tf.summary.histogram('histogram', var)


def weight_variable(shape, stddev):
  init = tf.truncated_normal_initializer(stddev=stddev, seed=FLAGS.seed)
  return tf.get_variable('w', shape, initializer=init)


def bias_variable(shape, value=0.0):
  return tf.get_variable('b', shape,
                         initializer=tf.constant_initializer(value))


def conv2d(x, channels, name, size=3):
  """A convolution with a bias, stride 1, zeros around the image."""
  with tf.variable_scope(name):
    inputs = x.get_shape().as_list()[-1]
    stddev = np.sqrt(2.0 / (size * size * inputs))
    w = weight_variable([size, size, inputs, channels], stddev)
    b = bias_variable([channels])
    return tf.nn.bias_add(tf.nn.conv2d(x, w, [1, 1, 1, 1], 'SAME'), b)


def linear(x, units, name):
  """A fully connected layer without an activation."""
  with tf.variable_scope(name):
    inputs = x.get_shape().as_list()[-1]
    w = weight_variable([inputs, units], np.sqrt(2.0 / inputs))
    b = bias_variable([units])
    return tf.nn.bias_add(tf.matmul(x, w), b)


def max_pool(x):
  return tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')


def residual_block(x, name):
  """Two convolutions, and a way around them."""
  with tf.name_scope(name):
    channels = x.get_shape().as_list()[-1]
    net = tf.nn.relu(conv2d(x, channels, 'a'))
    net = conv2d(net, channels, 'b')
    return tf.nn.relu(x + net)


def attend(x, glimpses):
  """Looks at the image several times, each time at other places.

  Args:
    x: [batch, height, width, channels].
    glimpses: how many times.

  Returns:
    [batch, glimpses * channels]: for each glimpse the weighted mean of x.
  """
  with tf.variable_scope(None, default_name='attention'):
    _, height, width, channels = x.get_shape().as_list()
    places = tf.reshape(x, [-1, channels])
    hidden = tf.nn.tanh(linear(places, 8, 'hidden'))
    scores = linear(hidden, glimpses, 'scores')
    scores = tf.reshape(scores, [-1, height * width, glimpses])
    where = tf.nn.softmax(scores, axis=1)
    places = tf.reshape(x, [-1, height * width, channels])
    seen = tf.matmul(where, places, transpose_a=True)
    return tf.reshape(seen, [-1, glimpses * channels])


# ----------------------------------------------------------------------------
# The network
# ----------------------------------------------------------------------------


class Model(object):
  """One tower: from images to logits, loss and accuracy.

  All towers have one set of weights, in the scope `model`.
  """

  def __init__(self, name, is_training):
    self.name = name
    self.is_training = is_training
    with tf.name_scope(name):
      self.images = tf.placeholder(tf.float32, [None, 8, 8, 1], 'images')
      self.labels = tf.placeholder(tf.int64, [None], 'labels')
      net = self._body(self.images)
      net = attend(net, GLIMPSES)
      self.logits = self._head(net)
      self.loss = self._loss()
      self.accuracy = self._accuracy()

  def _body(self, images):
    with tf.variable_scope('model', reuse=tf.AUTO_REUSE):
      net = tf.nn.relu(conv2d(images, CHANNELS, 'conv1'))
      net = residual_block(net, 'block1')
      net = max_pool(net)
      net = residual_block(net, 'block2')
    return net

  def _head(self, net):
    with tf.variable_scope('model', reuse=tf.AUTO_REUSE):
      net = tf.nn.relu(linear(net, 32, 'fc'))
      if self.is_training:
        net = tf.nn.dropout(net, rate=1 - FLAGS.keep_prob, seed=FLAGS.seed)
      return linear(net, NUM_CLASSES, 'fc_logits')

  def _loss(self):
    with tf.name_scope('loss'):
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
          labels=self.labels, logits=self.logits)
      return tf.reduce_mean(losses)

  def _accuracy(self):
    with tf.name_scope('accuracy'):
      hits = tf.equal(tf.argmax(self.logits, 1), self.labels)
      return tf.reduce_mean(tf.cast(hits, tf.float32))

  def feed(self, images, labels):
    return {self.images: images, self.labels: labels}


def build_towers():
  """Returns the towers `train` and `test`."""
  tf.set_random_seed(FLAGS.seed)
  train = Model('train', is_training=True)
  test = Model('test', is_training=False)
  return train, test


# ----------------------------------------------------------------------------
# Training
# ----------------------------------------------------------------------------


def weight_decay():
  """Returns the l2 loss of all weights; biases are left alone."""
  weights = [v for v in tf.trainable_variables() if 'b' not in v.name]
  with tf.name_scope('weight_decay'):
    return FLAGS.weight_decay * tf.add_n([tf.nn.l2_loss(w) for w in weights])


def build_train_op(loss):
  """Returns an op that trains on one batch: two groups, two learning rates."""
  global_step = tf.train.get_or_create_global_step()
  variables = tf.trainable_variables()
  slow = [v for v in variables if 'conv' in v.name]
  fast = [v for v in variables if 'fc' in v.name or 'attention' in v.name]
  total = loss + weight_decay()
  grads = tf.gradients(total, slow + fast)
  with tf.name_scope('train_op'):
    decay = tf.train.polynomial_decay(1.0, global_step, FLAGS.steps, 0.01)
    slow_opt = tf.train.AdamOptimizer(FLAGS.conv_learning_rate * decay)
    fast_opt = tf.train.AdamOptimizer(FLAGS.learning_rate * decay)
    slow_op = slow_opt.apply_gradients(zip(grads[:len(slow)], slow))
    fast_op = fast_opt.apply_gradients(
        zip(grads[len(slow):], fast), global_step=global_step)
    return tf.group(slow_op, fast_op)


def add_summaries(train, test):
  """Returns an op that computes all summaries."""
  with tf.name_scope('towers'):
    tf.summary.scalar('loss', train.loss)
    tf.summary.scalar('train_accuracy', train.accuracy)
    tf.summary.scalar('test_accuracy', test.accuracy)
  for var in tf.trainable_variables():
    with tf.name_scope(var.op.name):
      variable_summaries(var)
  return tf.summary.merge_all()


def evaluate(sess, model, data):
  """Returns loss and accuracy of a tower on a whole data set."""
  feed = model.feed(data.images, data.labels)
  loss, accuracy = sess.run([model.loss, model.accuracy], feed)
  return float(loss), float(accuracy)


def confusion_matrix(sess, model, data):
  """Returns how often each digit (row) was taken for each (column)."""
  logits = sess.run(model.logits, {model.images: data.images})
  matrix = np.zeros([NUM_CLASSES, NUM_CLASSES], np.int64)
  np.add.at(matrix, (data.labels, np.argmax(logits, 1)), 1)
  return matrix


def run_training():
  """Trains, and returns the accuracies in the end, by tower and by digits."""
  train_data, test_data = load_digits(FLAGS.data, FLAGS.seed)
  train, test = build_towers()
  train_op = build_train_op(train.loss)
  init = tf.global_variables_initializer()
  writer = None
  if FLAGS.train_dir:
    summaries = add_summaries(train, test)
    saver = tf.train.Saver()
    writer = tf.summary.FileWriter(FLAGS.train_dir, tf.get_default_graph())

  with tf.Session() as sess:
    sess.run(init)
    for step in range(1, FLAGS.steps + 1):
      images, labels = train_data.next_batch(FLAGS.batch_size)
      _, loss = sess.run([train_op, train.loss], train.feed(images, labels))
      if step % FLAGS.log_every == 0:
        tf.logging.info('step %d: loss %.3f, test accuracy %.3f', step, loss,
                        evaluate(sess, test, test_data)[1])
        if writer:
          feed = train.feed(images, labels)
          feed.update(test.feed(test_data.images, test_data.labels))
          writer.add_summary(sess.run(summaries, feed), step)

    if writer:
      saver.save(sess, os.path.join(FLAGS.train_dir, 'model.ckpt'))
      writer.close()
    tf.logging.info('confusion matrix\n%s',
                    confusion_matrix(sess, test, test_data))
    results = collections.OrderedDict()
    for tower in [train, test]:
      results[tower.name] = collections.OrderedDict(
          [('training digits', evaluate(sess, tower, train_data)[1]),
           ('test digits', evaluate(sess, tower, test_data)[1])])
    return results


def main(_):
  with tf.Graph().as_default():
    for tower, accuracies in run_training().items():
      for digits, accuracy in accuracies.items():
        print('%s tower, %s: accuracy %.3f' % (tower, digits, accuracy))


if __name__ == '__main__':
  tf.logging.set_verbosity(tf.logging.INFO)
  tf.app.run(main)

"""Programs in the style of public TensorFlow 1 code, each with the truth about its sharing, written by hand.

Each builds into the current default graph and returns what is shared: {variable: the calls that read it, in order}.
What is not in it is private. `build` runs one with resource or with ref variables, and `PROGRAMS` has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
Truth = dict[str, list[str]]


def build(program: Callable[[], Truth], resource: bool) -> tuple[tf.Graph, Truth]:
    """Return the graph of `program`, made with resource or ref variables, and its truth."""
    with tf.Graph().as_default() as graph:
        before = tf1.resource_variables_enabled()
        (tf1.enable_resource_variables if resource else tf1.disable_resource_variables)()
        try:
            truth = program()
        finally:
            (tf1.enable_resource_variables if before else tf1.disable_resource_variables)()
    return graph, truth


def all_by(calls: list[str], variables: Iterable[str]) -> Truth:
    """Return the truth in which the same calls read all of the variables."""
    return {variable: list(calls) for variable in variables}


def histogram(tag: str, value: tf.Tensor) -> None:
    """Stand in for tf.summary.histogram, which needs TensorBoard."""
    tf.raw_ops.HistogramSummary(tag=tag, values=value)


def scalar(tag: str, value: tf.Tensor) -> None:
    """Stand in for tf.summary.scalar."""
    tf.raw_ops.ScalarSummary(tags=tag, values=value)


# -- the three solutions of the article --------------------------------------------------------------------------


def _filters(image: tf.Tensor) -> tf.Tensor:
    for name in ("conv1", "conv2"):
        with tf1.variable_scope(name):
            weights = tf1.get_variable("weights", [5, 5, 1, 1], initializer=tf1.random_normal_initializer())
            biases = tf1.get_variable("biases", [1], initializer=tf1.constant_initializer(0.0))
            image = tf.nn.relu(tf.nn.conv2d(image, weights, [1, 1, 1, 1], "SAME") + biases)
    return image


def filters_by_scope() -> Truth:
    """The article's answer: one scope, entered again with reuse."""
    images = [tf1.placeholder(tf.float32, [None, 28, 28, 1]) for _ in range(2)]
    with tf1.variable_scope("image_filters") as scope:
        _filters(images[0])
        scope.reuse_variables()
        _filters(images[1])
    names = [f"image_filters/conv{i}/{v}" for i in (1, 2) for v in ("weights", "biases")]
    return {name: [f"image_filters/conv{name[18]}", f"image_filters/conv{name[18]}_1"] for name in names}


def filters_by_template() -> Truth:
    """make_template: every call opens the scope anew."""
    template = tf1.make_template("image_filters", _filters)
    images = [tf1.placeholder(tf.float32, [None, 28, 28, 1]) for _ in range(3)]
    loss = tf.add_n([tf.reduce_sum(template(image)) for image in images])
    tf1.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    tf1.train.Saver()
    names = [f"image_filters/conv{i}/{v}" for i in (1, 2) for v in ("weights", "biases")]
    return all_by(["image_filters", "image_filters_1", "image_filters_2"], names)


def filters_by_dictionary() -> Truth:
    """Variables in a dictionary and no scopes at all: only the numbers of the ops tell the calls apart."""
    v = {
        "w1": tf1.Variable(tf1.random_normal([5, 5, 1, 1]), name="w1"),
        "b1": tf1.Variable(tf.zeros([1]), name="b1"),
        "w2": tf1.Variable(tf1.random_normal([5, 5, 1, 1]), name="w2"),
        "b2": tf1.Variable(tf.zeros([1]), name="b2"),
    }
    for _ in range(2):
        x = tf1.placeholder(tf.float32, [None, 28, 28, 1])
        h = tf.nn.relu(tf.nn.conv2d(x, v["w1"], [1, 1, 1, 1], "SAME") + v["b1"])
        tf.nn.relu(tf.nn.conv2d(h, v["w2"], [1, 1, 1, 1], "SAME") + v["b2"])
    return {
        "w1": ["Conv2D", "Conv2D_2"],
        "b1": ["add", "add_2"],
        "w2": ["Conv2D_1", "Conv2D_3"],
        "b2": ["add_1", "add_3"],
    }


# -- a language model in the style of GPT-2's public code -----------------------------------------------------------


def _norm(x: tf.Tensor, scope: str) -> tf.Tensor:
    with tf1.variable_scope(scope):
        g = tf1.get_variable("g", [16], initializer=tf1.constant_initializer(1))
        b = tf1.get_variable("b", [16], initializer=tf1.constant_initializer(0))
        u = tf.reduce_mean(x, axis=-1, keepdims=True)
        s = tf.reduce_mean(tf.square(x - u), axis=-1, keepdims=True)
        x = (x - u) * tf1.rsqrt(s + 1e-5)
        return x * g + b


def _conv1d(x: tf.Tensor, scope: str, nf: int) -> tf.Tensor:
    with tf1.variable_scope(scope):
        *start, nx = [d if d is not None else tf.shape(x)[i] for i, d in enumerate(x.shape.as_list())]
        w = tf1.get_variable("w", [1, nx, nf], initializer=tf1.random_normal_initializer(stddev=0.02))
        b = tf1.get_variable("b", [nf], initializer=tf1.constant_initializer(0))
        return tf.reshape(tf.matmul(tf.reshape(x, [-1, nx]), tf.reshape(w, [-1, nf])) + b, [*start, nf])


def _gpt(tokens: tf.Tensor, reuse: object = tf1.AUTO_REUSE) -> tf.Tensor:
    with tf1.variable_scope("model", reuse=reuse):
        wpe = tf1.get_variable("wpe", [32, 16], initializer=tf1.random_normal_initializer(stddev=0.01))
        wte = tf1.get_variable("wte", [50, 16], initializer=tf1.random_normal_initializer(stddev=0.02))
        h = tf.gather(wte, tokens) + tf.gather(wpe, tf.range(tf.shape(tokens)[1]))
        for layer in range(2):
            with tf1.variable_scope(f"h{layer}"):
                a = _conv1d(_norm(h, "ln_1"), "attn_c", 48)
                q, k, v = tf.split(a, 3, axis=2)
                h = h + tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True)), v)
                m = _conv1d(tf.nn.relu(_conv1d(_norm(h, "ln_2"), "c_fc", 64)), "c_proj", 16)
                h = h + m
        h = _norm(h, "ln_f")
        return tf.matmul(tf.reshape(h, [-1, 16]), wte, transpose_b=True)


_GPT = [f"h{i}/{n}" for i in (0, 1) for n in ("ln_1/g", "ln_1/b", "attn_c/w", "attn_c/b", "ln_2/g", "ln_2/b")]
_GPT += [f"h{i}/{n}/{v}" for i in (0, 1) for n in ("c_fc", "c_proj") for v in "wb"] + ["ln_f/g", "ln_f/b", "wpe"]


def _gather() -> str:
    return "Gather" if tf1.resource_variables_enabled() else "GatherV2"


def gpt_train() -> Truth:
    """One call, Adam: only the tied embedding is shared, in two places of the model."""
    tokens = tf1.placeholder(tf.int32, [None, None])
    logits = _gpt(tokens, reuse=None)
    labels = tf.reshape(tokens, [-1])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    tf1.train.AdamOptimizer(1e-4).minimize(loss)
    scalar("loss", loss)
    tf1.train.Saver(max_to_keep=5)
    return {"model/wte": [f"model/{_gather()}", "model/MatMul"]}


def gpt_train_and_sample() -> Truth:
    """Trained and sampled from: the second call stands in a while_loop."""
    tokens = tf1.placeholder(tf.int32, [4, 8])
    logits = _gpt(tokens)
    labels = tf.reshape(tokens, [-1])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    tf1.train.AdamOptimizer(1e-4).minimize(loss)
    with tf1.name_scope("sample_sequence"):

        def body(i: tf.Tensor, context: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            samples = tf.reshape(tf.argmax(_gpt(context), axis=-1, output_type=tf.int32), [4, 8])
            return i + 1, samples

        tf1.while_loop(lambda i, c: i < 5, body, [tf.constant(0), tokens], back_prop=False)
    shared: Truth = {f"model/{name}": ["model", "sample_sequence"] for name in _GPT}
    shared["model/wte"] = [
        f"{m}/{op}" for m in ("model", "sample_sequence/while/model") for op in (_gather(), "MatMul")
    ]
    return shared


# -- the PTB model: train, valid and test in one graph --------------------------------------------------------------


def _ptb(training: bool, steps: int) -> tf.Tensor:
    data = tf1.placeholder(tf.int32, [4, steps])
    embedding = tf1.get_variable("embedding", [50, 8])
    inputs = tf.nn.embedding_lookup(embedding, data)
    if training:
        inputs = tf1.nn.dropout(inputs, rate=0.5)
    state, output = tf.zeros([4, 8]), tf.zeros([4, 8])
    outputs = []
    with tf1.variable_scope("RNN"):
        for t in range(steps):
            with tf1.variable_scope("cell", reuse=tf1.AUTO_REUSE if t else None):
                kernel = tf1.get_variable("kernel", [16, 32])
                bias = tf1.get_variable("bias", [32], initializer=tf1.zeros_initializer())
                gates = tf.nn.bias_add(tf.matmul(tf.concat([inputs[:, t, :], output], 1), kernel), bias)
                i, j, f, o = tf.split(gates, 4, axis=1)
                state = state * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
                output = tf.tanh(state) * tf.sigmoid(o)
                outputs.append(output)
    softmax_w = tf1.get_variable("softmax_w", [8, 50])
    softmax_b = tf1.get_variable("softmax_b", [50])
    logits = tf1.nn.xw_plus_b(tf.reshape(tf.concat(outputs, 1), [-1, 8]), softmax_w, softmax_b)
    labels = tf.reshape(data, [-1])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    if training:
        lr = tf1.Variable(0.0, trainable=False, name="lr")
        tvars = tf1.trainable_variables()
        grads, _ = tf.clip_by_global_norm(tf.gradients(loss, tvars), 5)
        step = tf1.train.get_or_create_global_step()
        tf1.train.GradientDescentOptimizer(lr).apply_gradients(zip(grads, tvars, strict=True), global_step=step)
        new_lr = tf1.placeholder(tf.float32, shape=[], name="new_learning_rate")
        tf1.assign(lr, new_lr)
    return loss


def ptb() -> Truth:
    """Three models over one set of weights, each unrolled; the cell alone is called nine times."""
    initializer = tf1.random_uniform_initializer(-0.1, 0.1)
    for name, steps in (("Train", 4), ("Valid", 4), ("Test", 1)):
        with tf1.name_scope(name):
            with tf1.variable_scope("Model", reuse=name != "Train", initializer=initializer):
                loss = _ptb(name == "Train", steps)
            scalar("Loss", loss)
    cells = [f"{n}/Model/RNN/cell{i}" for n in ("Train", "Valid") for i in ("", "_1", "_2", "_3")] + ["Test"]
    shared: Truth = all_by(cells, ("Model/RNN/cell/kernel", "Model/RNN/cell/bias"))
    return shared | all_by(["Train", "Valid", "Test"], ["Model/embedding", "Model/softmax_w", "Model/softmax_b"])


# -- a DCGAN -----------------------------------------------------------------------------------------------------


class _BatchNorm:
    def __init__(self, name: str) -> None:
        self.name = name
        self.ema = tf1.train.ExponentialMovingAverage(decay=0.9)

    def __call__(self, x: tf.Tensor, train: bool = True) -> tf.Tensor:
        shape = x.shape.as_list()
        with tf1.variable_scope(self.name):
            beta = tf1.get_variable("beta", [shape[-1]], initializer=tf1.constant_initializer(0.0))
            gamma = tf1.get_variable("gamma", [shape[-1]], initializer=tf1.random_normal_initializer(1.0, 0.02))
            mean = tf1.get_variable("moving_mean", [shape[-1]], trainable=False, initializer=tf1.zeros_initializer())
            var = tf1.get_variable("moving_var", [shape[-1]], trainable=False, initializer=tf1.ones_initializer())
            if train:
                axes = list(range(len(shape) - 1))
                batch_mean, batch_var = tf.nn.moments(x, axes, name="moments")
                with tf.control_dependencies(
                    [
                        tf1.assign(mean, mean * 0.9 + batch_mean * 0.1),
                        tf1.assign(var, var * 0.9 + batch_var * 0.1),
                    ]
                ):
                    mean, var = tf.identity(batch_mean), tf.identity(batch_var)
            return tf.nn.batch_normalization(x, mean, var, beta, gamma, 1e-5)


def _conv2d(x: tf.Tensor, dim: int, name: str) -> tf.Tensor:
    with tf1.variable_scope(name):
        w = tf1.get_variable("w", [5, 5, x.shape[-1], dim], initializer=tf1.truncated_normal_initializer(stddev=0.02))
        conv = tf.nn.conv2d(x, w, strides=[1, 2, 2, 1], padding="SAME")
        biases = tf1.get_variable("biases", [dim], initializer=tf1.constant_initializer(0.0))
        return tf.reshape(tf.nn.bias_add(conv, biases), tf.shape(conv))


def _linear(x: tf.Tensor, size: int, scope: str) -> tf.Tensor:
    with tf1.variable_scope(scope):
        matrix = tf1.get_variable("Matrix", [x.shape[1], size], initializer=tf1.random_normal_initializer(stddev=0.02))
        bias = tf1.get_variable("bias", [size], initializer=tf1.constant_initializer(0.0))
        return tf.matmul(x, matrix) + bias


def dcgan() -> Truth:
    """carpedm20's: discriminator called twice, the sampler is the generator again in inference mode."""
    images = tf1.placeholder(tf.float32, [8, 8, 8, 3], name="real_images")
    z = tf1.placeholder(tf.float32, [8, 10], name="z")
    d_bn1, g_bn0 = _BatchNorm("d_bn1"), _BatchNorm("g_bn0")

    def discriminator(image: tf.Tensor, reuse: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        with tf1.variable_scope("discriminator") as scope:
            if reuse:
                scope.reuse_variables()
            h0 = tf.nn.leaky_relu(_conv2d(image, 4, "d_h0_conv"))
            h1 = tf.nn.leaky_relu(d_bn1(_conv2d(h0, 8, "d_h1_conv")))
            h2 = _linear(tf.reshape(h1, [8, 32]), 1, "d_h2_lin")
            return tf.nn.sigmoid(h2), h2

    def generator(z: tf.Tensor, train: bool = True) -> tf.Tensor:
        with tf1.variable_scope("generator") as scope:
            if not train:
                scope.reuse_variables()
            h0 = tf.nn.relu(g_bn0(tf.reshape(_linear(z, 64, "g_h0_lin"), [8, 4, 4, 4]), train=train))
            with tf1.variable_scope("g_h1"):
                w = tf1.get_variable("w", [5, 5, 3, 4], initializer=tf1.random_normal_initializer(stddev=0.02))
                deconv = tf.nn.conv2d_transpose(h0, w, output_shape=[8, 8, 8, 3], strides=[1, 2, 2, 1])
                biases = tf1.get_variable("biases", [3], initializer=tf1.constant_initializer(0.0))
                return tf.nn.tanh(tf.nn.bias_add(deconv, biases))

    fake = generator(z)
    d, d_logits = discriminator(images)
    generator(z, train=False)
    d_, d_logits_ = discriminator(fake, reuse=True)
    histogram("d", d)
    histogram("d_", d_)
    cross = tf.nn.sigmoid_cross_entropy_with_logits
    d_loss = tf.reduce_mean(cross(logits=d_logits, labels=tf.ones_like(d)))
    d_loss += tf.reduce_mean(cross(logits=d_logits_, labels=tf.zeros_like(d_)))
    g_loss = tf.reduce_mean(cross(logits=d_logits_, labels=tf.ones_like(d_)))
    scalar("d_loss", d_loss)
    t_vars = tf1.trainable_variables()
    adam = tf1.train.AdamOptimizer
    adam(2e-4, beta1=0.5).minimize(d_loss, var_list=[v for v in t_vars if "discriminator" in v.name])
    adam(2e-4, beta1=0.5).minimize(g_loss, var_list=[v for v in t_vars if "generator" in v.name])
    tf1.train.Saver()
    d_names = ["d_h0_conv/w", "d_h0_conv/biases", "d_h1_conv/w", "d_h1_conv/biases", "d_bn1/beta", "d_bn1/gamma"]
    d_names += ["d_h2_lin/Matrix", "d_h2_lin/bias"]
    g_names = ["g_h0_lin/Matrix", "g_h0_lin/bias", "g_bn0/beta", "g_bn0/gamma", "g_h1/w", "g_h1/biases"]
    return {f"discriminator/{n}": ["discriminator", "discriminator_1"] for n in d_names} | {
        f"generator/{n}": ["generator", "generator_1"] for n in g_names
    }


def wgan() -> Truth:
    """Weight clipping and a gradient penalty: the critic is called three times; clipping reads, but is no reader."""
    real, fake = tf1.placeholder(tf.float32, [8, 4]), tf1.placeholder(tf.float32, [8, 4])

    def critic(x: tf.Tensor, reuse: bool) -> tf.Tensor:
        with tf1.variable_scope("critic", reuse=reuse):
            return _linear(tf.nn.relu(_linear(x, 6, "fc1")), 1, "fc2")

    d_real, d_fake = critic(real, False), critic(fake, True)
    mixed = real + tf1.random_uniform([8, 1]) * (fake - real)
    slopes = tf.norm(tf.gradients(critic(mixed, True), [mixed])[0], axis=1)
    loss = tf.reduce_mean(d_fake) - tf.reduce_mean(d_real) + 10 * tf.reduce_mean((slopes - 1) ** 2)
    tf1.train.RMSPropOptimizer(5e-5).minimize(loss)
    for v in tf1.trainable_variables("critic/"):
        tf1.assign(v, tf.clip_by_value(v, -0.01, 0.01))
    names = [f"critic/{n}" for n in ("fc1/Matrix", "fc1/bias", "fc2/Matrix", "fc2/bias")]
    return all_by(["critic", "critic_1", "critic_2"], names)


# -- a DQN -------------------------------------------------------------------------------------------------------


def _q(x: tf.Tensor, scope: str, reuse: object = False) -> tf.Tensor:
    with tf1.variable_scope(scope, reuse=reuse):
        return _linear(tf.nn.relu(_linear(x, 16, "fc1")), 2, "fc2")


def dqn() -> Truth:
    """Double Q-learning: the online net reads twice and acts once; target copies and summaries are no readers."""
    obs, obs1 = tf1.placeholder(tf.float32, [None, 4]), tf1.placeholder(tf.float32, [None, 4])
    with tf1.variable_scope("deepq"):
        with tf1.variable_scope("act_q"):
            pass
        _q(obs, "q_func")
        q_t = _q(obs, "q_func", reuse=True)
        q_tp1 = _q(obs1, "target_q_func")
        best = tf.argmax(_q(obs1, "q_func", reuse=True), 1)
        target = tf.reduce_sum(q_tp1 * tf.one_hot(best, 2), 1)
        error = tf.reduce_max(q_t, 1) - tf.stop_gradient(target)
        loss = tf.reduce_mean(tf1.where(tf.abs(error) < 1, tf.square(error) * 0.5, tf.abs(error) - 0.5))
        online, frozen = tf1.trainable_variables("deepq/q_func"), tf1.trainable_variables("deepq/target_q_func")
        optimizer = tf1.train.AdamOptimizer(5e-4)
        gradients = optimizer.compute_gradients(loss, var_list=online)
        clipped = [(tf.clip_by_norm(g, 10), v) for g, v in gradients]
        optimizer.apply_gradients(clipped)
        tf.group(*[tf1.assign(t, v) for v, t in zip(online, frozen, strict=True)])
        for v, t in zip(online, frozen, strict=True):  # and DDPG's soft update
            tf1.assign(t, 0.999 * t + 0.001 * v)
        for v in online:
            histogram(v.op.name, v)
            scalar(v.op.name + "/mean", tf.reduce_mean(v))
    names = [f"deepq/q_func/{n}" for n in ("fc1/Matrix", "fc1/bias", "fc2/Matrix", "fc2/bias")]
    return all_by(["deepq/q_func", "deepq/q_func_1", "deepq/q_func_2"], names)


# -- others --------------------------------------------------------------------------------------------------------


def siamese() -> Truth:
    """Two branches, and a head of its own that is not shared."""
    left, right = tf1.placeholder(tf.float32, [None, 8]), tf1.placeholder(tf.float32, [None, 8])
    with tf1.variable_scope("siamese") as scope:
        one = _linear(tf.nn.relu(_linear(left, 8, "fc1")), 4, "fc2")
        scope.reuse_variables()
        two = _linear(tf.nn.relu(_linear(right, 8, "fc1")), 4, "fc2")
    with tf1.variable_scope("head"):
        logits = _linear(tf.abs(one - two), 1, "out")
    loss = tf.reduce_mean(tf.square(logits))
    tf1.train.AdagradOptimizer(0.1).minimize(loss)
    names = [f"siamese/{n}" for n in ("fc1/Matrix", "fc1/bias", "fc2/Matrix", "fc2/bias")]
    return {n: [f"siamese/{n[8:11]}", f"siamese/{n[8:11]}_1"] for n in names}


def towers() -> Truth:
    """cifar10_multi_gpu: towers by name scope, averaged gradients, a moving average of every variable, L2 losses."""
    step = tf1.get_variable("global_step", [], initializer=tf1.constant_initializer(0), trainable=False)
    lr = tf1.train.exponential_decay(0.1, tf.cast(step, tf.int32), 1000, 0.1, staircase=True)
    optimizer = tf1.train.GradientDescentOptimizer(lr)
    grads = []
    with tf1.variable_scope(tf1.get_variable_scope()):
        for i in range(2):
            with tf1.name_scope(f"tower_{i}"):
                x = tf1.placeholder(tf.float32, [8, 8, 8, 3])
                with tf1.variable_scope("conv1"):
                    kernel = tf1.get_variable("weights", [5, 5, 3, 4])
                    conv = tf.nn.conv2d(x, kernel, [1, 1, 1, 1], padding="SAME")
                    biases = tf1.get_variable("biases", [4], initializer=tf1.constant_initializer(0.0))
                    h = tf.nn.relu(tf.nn.bias_add(conv, biases))
                with tf1.variable_scope("local"):
                    weights = tf1.get_variable("weights", [256, 2])
                    decay = tf.multiply(tf.nn.l2_loss(weights), 0.004, name="weight_loss")
                    logits = tf.matmul(tf.reshape(h, [8, -1]), weights)
                loss = tf.add_n([tf.reduce_mean(tf.square(logits)), decay], name="total_loss")
                scalar("loss_raw", loss)
                tf1.get_variable_scope().reuse_variables()
                grads.append(optimizer.compute_gradients(loss))
    mean = [(tf.add_n([g for g, _ in pair]) / 2, pair[0][1]) for pair in zip(*grads, strict=True)]
    scalar("learning_rate", lr)
    optimizer.apply_gradients(mean, global_step=step)
    for v in tf1.trainable_variables():
        histogram(v.op.name, v)
    with tf1.variable_scope(tf1.get_variable_scope(), reuse=tf1.AUTO_REUSE):
        tf1.train.ExponentialMovingAverage(0.9999, step).apply(tf1.trainable_variables())
        averages = tf1.train.ExponentialMovingAverage(0.9, name="avg")
        averages.apply([loss])
        scalar("loss_avg", averages.average(loss))
    return all_by(["tower_0", "tower_1"], ["conv1/weights", "conv1/biases", "local/weights"])


def seq2seq() -> Truth:
    """One embedding for encoder, decoder and greedy decoding; attention shared by the two decoders."""
    source, target = tf1.placeholder(tf.int32, [4, 3]), tf1.placeholder(tf.int32, [4, 3])
    embedding = tf1.get_variable("embedding", [30, 8])

    def cell(x: tf.Tensor, h: tf.Tensor, scope: str) -> tf.Tensor:
        with tf1.variable_scope(scope, reuse=tf1.AUTO_REUSE):
            w = tf1.get_variable("kernel", [x.shape[1] + 8, 8])
            return tf.tanh(tf.matmul(tf.concat([x, h], 1), w))

    with tf1.variable_scope("encoder"):
        h, memory = tf.zeros([4, 8]), []
        x = tf.nn.embedding_lookup(embedding, source)
        for t in range(3):
            h = cell(x[:, t], h, "rnn")
            memory.append(h)
    keys = tf.stack(memory, 1)

    def decode(h: tf.Tensor, tokens: tf.Tensor | None) -> tf.Tensor:
        with tf1.variable_scope("decoder", reuse=tf1.AUTO_REUSE):
            token, out = tf.zeros([4], tf.int32), []
            for t in range(2):
                e = tf.nn.embedding_lookup(embedding, token if tokens is None else tokens[:, t])
                h = cell(e, h, "rnn")
                with tf1.variable_scope("attention", reuse=tf1.AUTO_REUSE):
                    w = tf1.get_variable("memory_kernel", [8, 8])
                    v = tf1.get_variable("v", [8])
                    score = tf.reduce_sum(v * tf.tanh(tf.tensordot(keys, w, 1) + h[:, None, :]), 2)
                    h = h + tf.reduce_sum(tf.nn.softmax(score)[:, :, None] * keys, 1)
                with tf1.variable_scope("projection", reuse=tf1.AUTO_REUSE):
                    logits = tf.matmul(h, tf1.get_variable("kernel", [8, 30]))
                token = tf.argmax(logits, 1, output_type=tf.int32)
                out.append(logits)
        return tf.stack(out, 1)

    logits = decode(h, target)
    decode(h, None)
    labels = target[:, :2]
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    tf1.train.AdamOptimizer().minimize(loss)

    def steps(scope: str) -> list[str]:
        return [f"{d}/{scope}{i}" for d in ("decoder", "decoder_1") for i in ("", "_1")]

    lookups = [f"{d}/embedding_lookup{i}" for d in ("decoder", "decoder_1") for i in ("", "_1")]
    return {
        "embedding": ["encoder", *lookups],
        "encoder/rnn/kernel": ["encoder/rnn", "encoder/rnn_1", "encoder/rnn_2"],
        "decoder/rnn/kernel": steps("rnn"),
        "decoder/attention/memory_kernel": steps("attention"),
        "decoder/attention/v": steps("attention"),
        "decoder/projection/kernel": steps("projection"),
    }


def partitioned() -> Truth:
    """A partitioned embedding, looked up shard by shard, and a partitioned kernel, joined before use, called twice."""
    ids = tf1.placeholder(tf.int32, [None])
    parts = tf1.fixed_size_partitioner(2)

    def net(ids: tf.Tensor) -> tf.Tensor:
        with tf1.variable_scope("net", reuse=tf1.AUTO_REUSE):
            table = tf1.get_variable("table", [10, 4], partitioner=parts)
            x = tf1.nn.embedding_lookup(table, ids, partition_strategy="div")
            with tf1.variable_scope("dense"):
                w = tf1.get_variable("kernel", [4, 6], partitioner=tf1.fixed_size_partitioner(2, axis=1))
                return tf.matmul(x, w)

    loss = tf.reduce_sum(net(ids)) + tf.reduce_sum(net(ids + 1))
    tf1.train.AdamOptimizer().minimize(loss)
    tf1.train.Saver()
    names = [f"net/{n}/part_{i}" for n in ("table", "dense/kernel") for i in (0, 1)]
    return all_by(["net", "net_1"], names)


def bert() -> Truth:
    """Masked-LM weights tied to the word embeddings, segments by a one-hot product, Adam with weight decay."""
    ids = tf1.placeholder(tf.int32, [2, 4])
    segments = tf1.placeholder(tf.int32, [2, 4])
    with tf1.variable_scope("bert"):
        with tf1.variable_scope("embeddings"):
            table = tf1.get_variable("word_embeddings", [30, 8])
            flat = tf.reshape(ids, [-1])
            x = tf.reshape(tf.gather(table, flat), [2, 4, 8])
            token_type = tf1.get_variable("token_type_embeddings", [2, 8])
            x += tf.reshape(tf.matmul(tf.one_hot(tf.reshape(segments, [-1]), 2), token_type), [2, 4, 8])
            full = tf1.get_variable("position_embeddings", [16, 8])
            x += tf.slice(full, [0, 0], [4, -1])
            x = _layer_norm(x)
        for i in range(2):
            with tf1.variable_scope(f"encoder/layer_{i}/attention"):
                with tf1.variable_scope("self"):
                    q, k, v = (_dense(x, n) for n in ("query", "key", "value"))
                    y = tf.matmul(tf.nn.softmax(tf.matmul(q, k, transpose_b=True)), v)
                with tf1.variable_scope("output"):
                    x = _layer_norm(x + _dense(y, "dense"))
    with tf1.variable_scope("cls/predictions"):
        h = tf.reshape(x, [-1, 8])
        with tf1.variable_scope("transform"):
            h = _layer_norm(tf.reshape(_dense(h[None], "dense"), [-1, 8]))
        bias = tf1.get_variable("output_bias", [30], initializer=tf1.zeros_initializer())
        logits = tf.nn.bias_add(tf.matmul(h, table, transpose_b=True), bias)
        loss = -tf.reduce_mean(tf.reduce_sum(tf.nn.log_softmax(logits) * tf.one_hot(flat, 30), -1))
    _adam_weight_decay(loss)
    return {"bert/embeddings/word_embeddings": ["bert", "cls"]}


def _dense(x: tf.Tensor, name: str) -> tf.Tensor:
    with tf1.variable_scope(name):
        kernel = tf1.get_variable("kernel", [8, 8], initializer=tf1.truncated_normal_initializer(stddev=0.02))
        bias = tf1.get_variable("bias", [8], initializer=tf1.zeros_initializer())
        return tf.nn.bias_add(tf.tensordot(x, kernel, 1), bias)


def _layer_norm(x: tf.Tensor) -> tf.Tensor:
    with tf1.variable_scope("LayerNorm"):
        beta = tf1.get_variable("beta", [8], initializer=tf1.zeros_initializer())
        gamma = tf1.get_variable("gamma", [8], initializer=tf1.ones_initializer())
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-12)


def _adam_weight_decay(loss: tf.Tensor) -> None:
    """BERT's optimization.py: no name scope, no fused op."""
    step = tf1.train.get_or_create_global_step()
    lr = tf1.train.polynomial_decay(5e-5, step, 1000, end_learning_rate=0.0)
    steps = tf.cast(step, tf.int32)
    warm = tf.cast(steps < 100, tf.float32)
    lr = (1.0 - warm) * lr + warm * 5e-5 * tf.cast(steps, tf.float32) / 100.0
    tvars = tf1.trainable_variables()
    grads, _ = tf.clip_by_global_norm(tf.gradients(loss, tvars), clip_norm=1.0)
    for grad, param in zip(grads, tvars, strict=True):
        name = param.op.name
        m = tf1.get_variable(name + "/adam_m", param.shape, trainable=False, initializer=tf1.zeros_initializer())
        v = tf1.get_variable(name + "/adam_v", param.shape, trainable=False, initializer=tf1.zeros_initializer())
        next_m = tf.multiply(0.9, m) + tf.multiply(0.1, grad)
        next_v = tf.multiply(0.999, v) + tf.multiply(0.001, tf.square(grad))
        update = next_m / (tf.sqrt(next_v) + 1e-6)
        update += 0.01 * param
        tf.group(tf1.assign(param, param - lr * update), tf1.assign(m, next_m), tf1.assign(v, next_v))
    tf1.assign(step, step + 1)


def regularized() -> Truth:
    """Penalties by scope, by hand and by l2_loss; none of them is a reader."""
    x = tf1.placeholder(tf.float32, [None, 8])
    with tf1.variable_scope("net", regularizer=lambda w: 0.01 * tf.reduce_sum(tf.abs(w))):
        y = _linear(tf.nn.relu(_linear(x, 8, "fc1")), 8, "fc2")
    weights = tf1.trainable_variables("net/fc1/")
    by_hand = 0.1 * tf.reduce_sum(tf.square(weights[0])) + 0.1 * tf.reduce_mean(tf.abs(weights[0]))
    loss = tf.reduce_mean(tf.square(y)) + by_hand + tf.nn.l2_loss(weights[0])
    loss += tf.add_n(tf1.get_collection(tf1.GraphKeys.REGULARIZATION_LOSSES))
    tf1.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
    return {}


def loop() -> Truth:
    """A layer inside a while_loop and once more behind it; nested loops."""
    x = tf1.placeholder(tf.float32, [4, 8])
    w = tf1.get_variable("w", [8, 8])
    inner = tf1.get_variable("inner", [8, 8])

    def body(i: tf.Tensor, h: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        h = tf.matmul(h, w, name="step")
        _, h = tf1.while_loop(lambda j, h: j < 2, lambda j, h: (j + 1, tf.matmul(h, inner)), [0, h])
        return i + 1, h

    _, h = tf1.while_loop(lambda i, h: i < 3, body, [0, x], name="outer")
    with tf1.name_scope("after"):
        y = tf.matmul(h, w)
    tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
    return {"w": ["outer", "after"]}


def conditional() -> Truth:
    """Both sides of a tf.cond read one variable in one layer: one call. A whole net on each side: two."""
    x, flag = tf1.placeholder(tf.float32, [4, 8]), tf1.placeholder(tf.bool, [])

    def net() -> tf.Tensor:
        with tf1.variable_scope("net", reuse=tf1.AUTO_REUSE):
            return _linear(x, 8, "fc")

    with tf1.variable_scope("norm"):
        gamma = tf1.get_variable("gamma", [8])
        y = tf1.cond(flag, lambda: x * gamma, lambda: tf.tanh(x) * gamma)
    net()
    z = tf1.cond(flag, lambda: tf.nn.relu(net()), lambda: tf.nn.tanh(net()))
    tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y + z))
    v2 = tf1.control_flow_v2_enabled()
    sides = ["cond/branch_0", "cond/branch_1"] if v2 else ["cond/net", "cond/net_1"]
    return all_by(["net", *sides], ["net/fc/Matrix", "net/fc/bias"])


def word2vec() -> Truth:
    """The tutorial: looked up for training, normalized for validation; NCE weights are used once."""
    inputs, labels = tf1.placeholder(tf.int32, [8]), tf1.placeholder(tf.int32, [8, 1])
    valid = tf.constant(np.arange(4), tf.int32)
    with tf1.name_scope("embeddings"):
        embeddings = tf1.Variable(tf1.random_uniform([50, 8], -1.0, 1.0), name="w")
        embed = tf.nn.embedding_lookup(embeddings, inputs)
    with tf1.name_scope("weights"):
        nce_w = tf1.Variable(tf1.truncated_normal([50, 8]), name="nce_w")
        nce_b = tf1.Variable(tf.zeros([50]), name="nce_b")
    with tf1.name_scope("loss"):
        loss = tf.reduce_mean(tf1.nn.nce_loss(nce_w, nce_b, labels, embed, 4, 50))
    tf1.train.GradientDescentOptimizer(1.0).minimize(loss)
    norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keepdims=True))
    normalized = embeddings / norm
    tf.matmul(tf.nn.embedding_lookup(normalized, valid), normalized, transpose_b=True)
    return {"embeddings/w": ["embeddings", "Square"]}


def autoencoder() -> Truth:
    """Tied weights: the decoder uses the encoder's matrix, transposed."""
    x = tf1.placeholder(tf.float32, [None, 8])
    w = tf1.get_variable("w", [8, 3])
    with tf1.name_scope("encoder"):
        h = tf.nn.sigmoid(tf.matmul(x, w) + tf1.get_variable("b_enc", [3]))
    with tf1.name_scope("decoder"):
        y = tf.matmul(h, tf.transpose(w)) + tf1.get_variable("b_dec", [8])
    tf1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.square(x - y)))
    return {"w": ["encoder", "decoder"]}


# -- what reads a variable without being a layer -----------------------------------------------------------------


def _net(x: tf.Tensor) -> tf.Tensor:
    with tf1.variable_scope("net", reuse=tf1.AUTO_REUSE):
        return tf.reduce_mean(tf.square(_linear(tf.nn.relu(_linear(x, 8, "fc1")), 1, "fc2")))


def lamb() -> Truth:
    """ALBERT's LAMB: weight decay, moments and a trust ratio of norms, all by hand, choose the step."""
    loss = _net(tf1.placeholder(tf.float32, [4, 8]))
    weights = tf1.trainable_variables()
    for w, grad in zip(weights, tf1.gradients(loss, weights), strict=True):
        m, v = (tf1.get_variable(f"{w.op.name}/{name}", w.shape, trainable=False) for name in ("adam_m", "adam_v"))
        next_m, next_v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * tf.square(grad)
        update = next_m / (tf.sqrt(next_v) + 1e-6) + 0.01 * w
        w_norm, u_norm = tf.norm(w, ord=2), tf.norm(update, ord=2)
        ratio = tf1.where(tf.greater(w_norm, 0), tf1.where(tf.greater(u_norm, 0), w_norm / u_norm, 1.0), 1.0)
        tf.group(w.assign(w - 0.1 * ratio * update), m.assign(next_m), v.assign(next_v))
    return {}


def flat_vector() -> Truth:
    """TRPO and MpiAdam: all weights as one vector, fetched, and set from one that is fed."""
    _net(tf1.placeholder(tf.float32, [4, 8]))
    weights = tf1.trainable_variables()
    tf.concat([tf.reshape(w, [-1]) for w in weights], 0)
    fed, start = tf1.placeholder(tf.float32, [None]), 0
    for w in weights:
        size = w.shape.num_elements()
        w.assign(tf.reshape(fed[start : start + size], w.shape))
        start += size
    return {}


def figures() -> Truth:
    """Summaries of weights: norms, a grid of kernels, the ratio of update to weight; and tf.metrics."""
    x = tf1.placeholder(tf.float32, [2, 8, 8, 1])
    with tf1.variable_scope("conv1"):
        kernel = tf1.get_variable("weights", [3, 3, 1, 4])
        y = tf.nn.conv2d(x, kernel, [1, 1, 1, 1], "SAME")
    loss = tf.reduce_mean(tf.square(y)) + _net(tf.reshape(y, [-1, 8]))
    weights = tf1.trainable_variables()
    grads = tf1.gradients(loss, weights)
    tf1.train.AdagradOptimizer(0.1).apply_gradients(zip(grads, weights, strict=True))
    scalar("norm", tf.linalg.global_norm(weights))
    for w, grad in zip(weights, grads, strict=True):
        scalar("ratio", tf.sqrt(tf.reduce_sum(grad * grad)) / tf.sqrt(tf.reduce_sum(w * w)))
    low, high = tf.reduce_min(kernel), tf.reduce_max(kernel)
    grid = tf.pad((kernel - low) / (high - low), [[1, 1], [1, 1], [0, 0], [0, 0]])
    tf.raw_ops.ImageSummary(tag="kernels", tensor=tf.transpose(grid, [3, 0, 1, 2]))
    tf1.metrics.mean(y)
    return {}


def initial_values() -> Truth:
    """Variables whose initial values depend on others: TensorFlow copies the ops of these for ref variables."""
    x = tf1.placeholder(tf.float32, [4, 8])
    v = tf1.get_variable("V", [8, 3])
    y = tf.matmul(x, v, name="dense")
    g = tf1.get_variable("g", initializer=1.0 / tf.reduce_mean(y, 0))
    moment = tf1.Variable(v * 0, trainable=False, name="moment")
    loss = tf.reduce_mean(tf.square(tf.nn.relu(y) * g))
    (grad,) = tf1.gradients(loss, [v])
    tf.group(moment.assign(0.9 * moment + grad), v.assign_sub(0.1 * moment))
    return {}


def predicate() -> Truth:
    """A variable that decides one tf.cond is read once, whatever is switched by it."""
    a, b = tf1.placeholder(tf.float32, []), tf1.placeholder(tf.float32, [])
    flag = tf1.get_variable("flag", initializer=True, trainable=False)
    tf1.cond(flag, lambda: a * b, lambda: a + b)
    return {}


def tied_behind_moves() -> Truth:
    """A Transformer's table, its first row zero or under dropout, is looked up and multiplied; shards are joined."""
    ids, x = tf1.placeholder(tf.int32, [2, 4]), tf1.placeholder(tf.float32, [3, 2, 8])
    for name in ("padded", "dropped"):
        table = tf1.get_variable(f"{name}/table", [6, 8])
        table = tf.concat([tf.zeros([1, 8]), table[1:]], 0) if name == "padded" else tf.nn.dropout(table, rate=0.1)
        with tf1.name_scope(f"{name}_encoder"):
            h = tf.nn.relu(tf.nn.embedding_lookup(table, ids))
        with tf1.name_scope(f"{name}_logits"):
            tf.einsum("ntd,dk->ntk", h, tf.transpose(table))
    whole = tf.concat([tf1.get_variable(f"cell/W_{i}", [4, 8]) for i in (0, 1)], 0)
    h = tf.zeros([2, 8])
    for i in range(3):
        with tf1.name_scope(f"step{i}"):
            h = tf.tanh(tf.matmul(h + x[i], whole))
    tied = {f"{name}/table": [f"{name}_encoder", f"{name}_logits"] for name in ("padded", "dropped")}
    return tied | all_by(["step0", "step1", "step2"], ["cell/W_0", "cell/W_1"])


def derived() -> Truth:
    """A weight that is scaled once and used by two calls; one that a conditional chooses; a table in half precision."""
    x, flag = tf1.placeholder(tf.float32, [4, 8]), tf1.placeholder(tf.bool, [])
    scaled = tf1.get_variable("scaled", [8, 8]) / 3.0
    for _ in range(2):
        with tf1.name_scope("encoder"):
            tf.tanh(tf.matmul(x, scaled))
    w, average = tf1.get_variable("w", [8, 3]), tf1.get_variable("average", [8, 3], trainable=False)
    tf.matmul(x, tf1.cond(flag, lambda: tf.identity(w), lambda: tf.identity(average)), name="chosen")
    with tf1.name_scope("other"):
        tf.matmul(x, average)
    table = tf.cast(tf1.get_variable("table", [6, 8]), tf.float16)
    h = tf.tanh(tf.nn.embedding_lookup(table, tf1.placeholder(tf.int32, [6]), name="embedding"))
    tf.matmul(h, table, transpose_b=True, name="logits")
    found = {"scaled": ["encoder", "encoder_1"], "average": ["chosen", "other"]}
    return found | {"table": ["embedding", "logits"]}


def slices() -> Truth:
    """Two taps of one filter, and the two halves of a state, are parts of it: one call."""
    x, before = tf1.placeholder(tf.float32, [2, 4]), tf1.placeholder(tf.float32, [2, 4])
    with tf1.variable_scope("causal_layer"):
        taps = tf1.get_variable("filter", [2, 4, 4])
        y = tf.matmul(before, taps[0]) + tf.matmul(x, taps[1])
    state = tf1.get_variable("state", [2, 8], trainable=False)
    c, m = tf.slice(state, [0, 0], [2, 4]), tf.slice(state, [0, 4], [2, 4])
    state.assign(tf.concat([tf.sigmoid(y) * c, tf.tanh(m)], 1))
    return {}


def unrolled() -> Truth:
    """A2C: one step to act and three to train; the cell has no scope of its own, and adds its bias outside."""
    act, train = tf1.placeholder(tf.float32, [2, 4]), tf1.placeholder(tf.float32, [2, 3, 4])

    def model(xs: list[tf.Tensor]) -> tf.Tensor:
        h = tf.zeros([2, 4])
        with tf1.variable_scope("model", reuse=tf1.AUTO_REUSE):
            wx, wh, b = (tf1.get_variable(f"lstm/{n}", s) for n, s in (("wx", [4, 4]), ("wh", [4, 4]), ("b", [4])))
            for x in xs:
                h = tf.tanh(tf.matmul(x, wx) + tf.matmul(h, wh) + b)
        return h

    model([act])
    model(tf.unstack(train, axis=1))
    calls = {"wx": ["MatMul", "MatMul_2", "MatMul_4"], "wh": ["MatMul_1", "MatMul_3", "MatMul_5"]}
    calls["b"] = ["add_1", "add_3", "add_5"]
    return {f"model/lstm/{n}": ["model", *(f"model_1/{op}" for op in ops)] for n, ops in calls.items()}


def conditional_steps() -> Truth:
    """A cell called in one tf.cond for each step, as static_rnn does where sequences have lengths."""
    xs, length = tf1.placeholder(tf.float32, [3, 2, 4]), tf1.placeholder(tf.int32, [])
    h = tf.zeros([2, 4])
    with tf1.variable_scope("cell") as scope:
        w, b = tf1.get_variable("w", [4, 4]), tf1.get_variable("b", [4])

    def step(x: tf.Tensor, h: tf.Tensor) -> tf.Tensor:
        with tf1.variable_scope(scope, auxiliary_name_scope=False), tf1.name_scope("cell/"):
            return tf.tanh(tf.nn.bias_add(tf.matmul(x + h, w), b))

    for i in range(3):
        h = tf1.cond(i < length, lambda i=i, h=h: step(xs[i], h), lambda h=h: h)
    if tf1.control_flow_v2_enabled():
        return all_by(["cond", "cond_1", "cond_2"], ["cell/w", "cell/b"])
    numbers = ("", "_1", "_2")
    return {"cell/w": [f"cell/MatMul{n}" for n in numbers], "cell/b": [f"cell/BiasAdd{n}" for n in numbers]}


def anchored() -> Truth:
    """Elastic weight consolidation and two networks that are drawn to one another; steps counted in floats."""
    x = tf1.placeholder(tf.float32, [4, 8])
    one, two = (tf1.get_variable(f"{name}/w", [8, 3]) for name in ("one", "two"))
    star, fisher = (tf1.get_variable(f"{name}/w", [8, 3], trainable=False) for name in ("star", "fisher"))
    loss = sum(tf.reduce_sum(tf.nn.relu(tf.matmul(x, w))) for w in (one, two))
    loss += tf.reduce_sum(fisher * tf.square(one - star)) + tf.nn.l2_loss(one - two)
    step = tf1.get_variable("step", initializer=0.0, trainable=False)
    rate = tf1.train.piecewise_constant(step, [10.0, 20.0], [0.1, 0.01, 0.001])
    tf.group(tf1.train.GradientDescentOptimizer(rate).minimize(loss), step.assign_add(1.0))
    return {}


def pruned() -> Truth:
    """A mask for the smallest weights, renewed from time to time: only what is multiplied by it is a layer."""
    x = tf1.placeholder(tf.float32, [4, 8])
    with tf1.variable_scope("layer"):
        w, mask = tf1.get_variable("w", [8, 3]), tf1.get_variable("mask", initializer=tf.ones([8, 3]), trainable=False)
        y = tf.matmul(x, w * mask)
    with tf1.name_scope("pruning"):
        smallest = tf1.nn.top_k(tf.reshape(tf.abs(w), [-1]), k=12).values[-1]
        mask.assign(tf.cast(tf.abs(w) >= smallest, tf.float32))
    tf1.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(tf.nn.relu(y)))
    return {}


def tied_under_dropout() -> Truth:
    """AWD-LSTM: rows of the table are dropped where it is looked up, and the softmax has it whole."""
    ids, x = tf1.placeholder(tf.int32, [4]), tf1.placeholder(tf.float32, [4, 8])
    with tf1.variable_scope("model"):
        table = tf1.get_variable("table", [6, 8])
        mask = tf.floor(tf1.random_uniform([6, 1]) + 0.9)
        with tf1.name_scope("embedding_dropout"):
            h = tf.nn.embedding_lookup(table * mask, ids) + x
        tf.matmul(tf.nn.relu(h), table, transpose_b=True)
    return {"model/table": ["model/embedding_dropout", "model/MatMul"]}


def orthogonal() -> Truth:
    """BigGAN's penalty on kernels that are not orthogonal, without a scope that says so."""
    kernel = tf1.get_variable("conv/kernel", [3, 3, 1, 8])
    y = tf.nn.conv2d(tf1.placeholder(tf.float32, [2, 8, 8, 1]), kernel, [1, 1, 1, 1], "SAME", name="conv/Conv2D")
    flat = tf.reshape(kernel, [-1, 8])
    gram = tf.matmul(flat, flat, transpose_a=True) * (1.0 - tf.eye(8))
    tf1.train.AdamOptimizer().minimize(tf.reduce_mean(tf.nn.relu(y)) + tf.nn.l2_loss(gram))
    return {}


def first_values() -> Truth:
    """Power iteration in a loop: it has its first value from a variable, and what comes out is another one."""
    x, w = tf1.placeholder(tf.float32, [4, 8]), tf1.get_variable("w", [8, 3])
    with tf1.variable_scope("norm"):
        u = tf1.get_variable("u", [1, 3], trainable=False)
        _, last = tf1.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.tanh(a * 2.0)), (0, u))
    u.assign(last)
    tf.matmul(tf.matmul(x, w, name="layer"), last, transpose_b=True, name="out")
    return {}


def masked_table() -> Truth:
    """NeuralDialog: the row of the padding is zeroed by a mask, once, and the table then looked up and multiplied."""
    ids, x = tf1.placeholder(tf.int32, [4]), tf1.placeholder(tf.float32, [4, 8])
    with tf1.variable_scope("words"):
        mask = tf.constant([[0.0]] + [[1.0]] * 5)
        table = tf1.get_variable("table", [6, 8]) * mask
    with tf1.name_scope("encoder"):
        h = tf.nn.embedding_lookup(table, ids)
    with tf1.name_scope("decoder"):
        h += tf.nn.embedding_lookup(table, ids)
    with tf1.name_scope("softmax"):
        tf.matmul(h + x, table, transpose_b=True)
    return {"words/table": ["encoder", "decoder", "softmax"]}


def trained_state() -> Truth:
    """LeakGAN: the first state of a hand-written LSTM is trained; four weights multiply it, in a loop and beside it."""
    x, w = tf1.placeholder(tf.float32, [2, 3]), [tf1.get_variable(f"w{i}", [3, 3]) for i in range(4)]

    def unit(h: tf.Tensor) -> tf.Tensor:
        i, f, o, c = (tf.matmul(h, each) for each in w)
        return tf.sigmoid(o) * tf.tanh(tf.sigmoid(i) * tf.tanh(c) + tf.sigmoid(f) + x)

    with tf1.name_scope("run"):
        first = tf1.get_variable("first", [2, 3])
        tf1.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, unit(h)), (0, first))
    with tf1.name_scope("once"):
        unit(tf1.get_variable("other", [2, 3]))
    return {f"w{i}": ["run", "once"] for i in range(4)}


def long_penalty() -> Truth:
    """A penalty that is added up by hand over more weights than most networks have."""
    h, penalty = tf1.placeholder(tf.float32, [2, 4]), 0.0
    for i in range(40):
        with tf1.variable_scope(f"layer{i}"):
            w = tf1.get_variable("w", [4, 4])
            h = tf.tanh(tf.matmul(h, w))
            penalty += tf.reduce_sum(tf.square(w))
    tf1.train.AdamOptimizer().minimize(tf.reduce_sum(h) + 1e-4 * penalty)
    return {}


def named_update() -> Truth:
    """batch-ppo: the scope in which a network is trained is named like an optimizer's update of it."""
    for scope in ("act", "update_critic"):
        with tf1.name_scope(scope), tf1.variable_scope("critic", reuse=tf1.AUTO_REUSE):
            value = tf.matmul(tf1.placeholder(tf.float32, [2, 3]), tf1.get_variable("w", [3, 1]))
            value = tf.nn.bias_add(value, tf1.get_variable("b", [1]))
    with tf1.name_scope("update_critic"):
        tf1.train.AdamOptimizer().minimize(tf.reduce_sum(tf.square(value)))
    return {"critic/w": ["act", "update_critic"], "critic/b": ["act", "update_critic"]}


def synchronized() -> Truth:
    """Spinning Up and Horovod: each worker gives its weights to a broadcast, and takes what comes back; assertions."""
    x = tf1.placeholder(tf.float32, [None, 3])
    with tf1.variable_scope("net"):
        w, b = tf1.get_variable("w", [3, 4]), tf1.get_variable("b", [4])
        loss = tf.reduce_mean(tf.matmul(x, w) + b)
    finite = tf1.assert_less(tf.reduce_max(tf.abs(w)), 1e3), tf1.Assert(tf.reduce_all(tf1.is_finite(b)), [b])
    with tf.control_dependencies(finite):
        train = tf1.train.AdamOptimizer().minimize(loss)
    with tf.control_dependencies([train]):
        flat = tf.concat([tf.reshape(each, [-1]) for each in (w, b)], 0)
        given = tf.split(tf.ensure_shape(tf1.py_func(lambda each: each, [flat], tf.float32), [16]), [12, 4])
        for variable, part in zip((w, b), given, strict=True):
            tf1.assign(variable, tf.reshape(part, variable.shape))
    for variable in tf1.global_variables():
        tf1.assign(variable, tf1.py_func(lambda each: each, [variable], variable.dtype.base_dtype))
    tf.reduce_any(tf1.is_nan(w))
    return {}


def unrolled_in_boxes() -> Truth:
    """A language model in the boxes Train and Valid, whose unrolled cell opens no scope for a step."""

    def model() -> None:
        with tf1.variable_scope("model", reuse=tf1.AUTO_REUSE):
            table = tf1.get_variable("table", [10, 4])
            ids, state = tf1.placeholder(tf.int32, [2, 3]), tf.zeros([2, 4])
            rows = tf.unstack(tf.nn.embedding_lookup(table, ids), axis=1)
            with tf1.variable_scope("cell"):
                kernel, bias = tf1.get_variable("kernel", [8, 4]), tf1.get_variable("bias", [4])
                for row in rows:
                    state = tf.tanh(tf.nn.bias_add(tf.matmul(tf.concat([row, state], 1), kernel), bias))

    for box in ("Train", "Valid"):
        with tf1.name_scope(box):
            model()
    steps = [f"{box}/model/cell/{{}}{i}" for box in ("Train", "Valid") for i in ("", "_1", "_2")]
    return {
        "model/table": ["Train", "Valid"],
        "model/cell/kernel": [step.format("MatMul") for step in steps],
        "model/cell/bias": [step.format("BiasAdd") for step in steps],
    }


def in_a_scope_and_in_none() -> Truth:
    """VQ-VAE: the decoder is called in a scope, and once more outside of all scopes."""
    w, b, out = tf1.get_variable("w", [3, 3]), tf1.get_variable("b", [3]), tf1.get_variable("out", [3, 3])

    def decode() -> tf.Tensor:
        return tf.matmul(tf.nn.bias_add(tf.matmul(tf1.placeholder(tf.float32, [2, 3]), w), b), out)

    with tf1.variable_scope("forward"):
        decode()
    decode()
    return {"w": ["forward", "MatMul"], "b": ["forward", "BiasAdd"], "out": ["forward", "MatMul_1"]}


def recurrent_keras() -> Truth:
    """A recurrent layer of tf_keras: its cell runs once beside the loop, to see which shapes come out."""
    x = tf1.placeholder(tf.float32, [5, 2, 3])
    with tf1.variable_scope("lstm", auxiliary_name_scope=False):
        kernel, bias = tf1.get_variable("kernel", [3, 4]), tf1.get_variable("bias", [4])

    def cell(name: str, step: tf.Tensor) -> tf.Tensor:
        with tf1.name_scope(name):
            left, right = tf.split(tf.tanh(tf.matmul(step, kernel) + bias), 2, axis=1)
            return left * right

    with tf1.name_scope("lstm"):
        tf.shape(cell("cell_1", x[0]))
        state = tf1.while_loop(lambda i, h: i < 5, lambda i, h: (i + 1, h + cell("cell", x[i])), (0, tf.zeros([2, 2])))
    tf1.train.AdamOptimizer().minimize(tf.reduce_sum(state[1]))
    return {}


def normalized_kernel() -> Truth:
    """Spectral normalization without a reshape, in a critic that is called twice: each call makes the kernel anew."""
    w, u = tf1.get_variable("w", [4, 3]), tf1.get_variable("u", [1, 3], trainable=False)
    for name in ("real", "fake"):
        with tf1.name_scope(name):
            v = tf.nn.l2_normalize(tf.matmul(u, w, transpose_b=True))
            sigma = tf.matmul(tf.matmul(v, w), tf.nn.l2_normalize(tf.matmul(v, w)), transpose_b=True)
            tf.matmul(tf1.placeholder(tf.float32, [None, 4]), w / sigma)
    return all_by(["real", "fake"], ["w", "u"])


def penalties() -> Truth:
    """Penalties in other spellings: hinge, offset, prior, orthogonal rows, Fisher matrix, cosine, entropy."""
    x = tf1.placeholder(tf.float32, [None, 4])
    w, old, fisher = (tf1.get_variable(name, [4, 4], trainable=name == "w") for name in ("w", "old", "fisher"))
    with tf1.name_scope("net"):
        loss = tf.reduce_mean(tf.matmul(x, w))
    unit = tf.nn.l2_normalize(w, 1)
    loss += tf.nn.l2_loss(tf.nn.relu(-w)) + (tf.reduce_sum(w) - 1.0) ** 2
    loss += tf.reduce_sum(tf.square(w - tf1.random_normal([4, 4]))) + tf.norm(
        tf.matmul(w, w, transpose_a=True) - tf.eye(4)
    )
    loss += tf.reduce_sum(fisher * tf.square(w - old)) + tf.reduce_sum(tf.abs(tf.matmul(unit, unit, transpose_b=True)))
    loss -= tf.reduce_mean(tf.nn.softmax(w) * tf.nn.log_softmax(w))
    tf1.train.AdamOptimizer().minimize(loss)
    scalar("unused", tf.nn.zero_fraction(w))
    return {}


def changed_in_a_conditional() -> Truth:
    """A kernel that is noisy in training; a table that is joined of shards in a function, and looked up and tied."""
    x, training = tf1.placeholder(tf.float32, [None, 4]), tf1.placeholder(tf.bool, [])
    w = tf1.get_variable("w", [4, 4])
    noisy = tf1.cond(training, lambda: w + tf1.random_normal([4, 4]), lambda: w)

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def as_it_is(table: tf.Tensor) -> tf.Tensor:
        return table * 1.0

    shards = [tf1.get_variable(f"shard_{i}", [5, 4]) for i in range(2)]
    table = as_it_is(tf.concat(shards, 0))
    with tf1.name_scope("embed"):
        x += tf.nn.embedding_lookup(table, tf1.placeholder(tf.int32, [None]))
    with tf1.name_scope("logits"):
        tf.matmul(tf.nn.relu(tf.matmul(x, noisy)), table, transpose_b=True)
    return all_by(["embed", "logits"], ["shard_0", "shard_1"])


PROGRAMS = [
    filters_by_scope, filters_by_template, filters_by_dictionary, gpt_train, gpt_train_and_sample, ptb, dcgan, wgan,
    dqn, siamese, towers, seq2seq, partitioned, bert, regularized, loop, conditional, word2vec, autoencoder,
    lamb, flat_vector, figures, initial_values, predicate, tied_behind_moves, derived, slices, unrolled,
    conditional_steps, anchored, pruned, tied_under_dropout, orthogonal, first_values,
    masked_table, trained_state, long_penalty, named_update, synchronized, unrolled_in_boxes, in_a_scope_and_in_none,
    recurrent_keras, normalized_kernel, penalties, changed_in_a_conditional,
]  # fmt: skip

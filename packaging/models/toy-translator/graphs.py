"""The network as ONNX files, with the names that Hugging Face Optimum's exports have: encoder_model.onnx,
decoder_model.onnx, decoder_with_past_model.onnx and decoder_model_merged.onnx, whose two branches are those two."""

import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Graph:
    """Nodes in the order in which they are added; each call gives the name of its value."""

    def __init__(self, prefix, weights):
        self.prefix, self.weights, self.nodes, self.used, self.count = prefix, weights, [], {}, 0

    def add(self, kind, *inputs, outputs=1, out=None, **attributes):
        self.count += 1
        names = [out] if out else [f"{self.prefix}/{kind}_{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if len(names) == 1 else names

    def constant(self, value, kind=np.int64):
        array = np.asarray(value, kind)
        name = f"constant/{array.dtype}/{array.tolist()}"
        self.used[name] = array
        return name

    def weight(self, name):
        self.used[name] = self.weights[name]
        return name

    def linear(self, x, name):
        return self.add("Add", self.add("MatMul", x, self.weight(f"{name}.weight")), self.weight(f"{name}.bias"))

    def norm(self, x, name):
        return self.add("LayerNormalization", x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"),
                        axis=-1, epsilon=1e-5)


class Exporter:
    producer = "toy-translator"

    def __init__(self, model):
        self.shape = model.shape
        self.heads, self.width = self.shape["heads"], self.shape["width"]
        self.decoder_layers = self.shape.get("decoder_layers", self.shape["layers"])
        self.head = self.width // self.heads
        self.weights = {}
        for name, value in model.state_dict().items():
            array = value.numpy()
            # As MatMul takes them.
            turned = array.ndim == 2 and name.endswith("weight")
            self.weights[name] = np.ascontiguousarray(array.T if turned else array, np.float32)

    def linear(self, g, x, name):
        return g.linear(x, name)

    def split(self, g, x):
        x = g.add("Reshape", x, g.constant([0, 0, self.heads, self.head]))
        return g.add("Transpose", x, perm=[0, 2, 1, 3])

    def attention(self, g, x, name, key, value, mask):
        q = g.add("Mul", self.linear(g, x, f"{name}.q"), g.constant(self.head ** -0.5, np.float32))
        scores = g.add("MatMul", self.split(g, q), g.add("Transpose", key, perm=[0, 1, 3, 2]))
        if mask is not None:
            scores = g.add("Add", scores, mask)
        made = g.add("MatMul", g.add("Softmax", scores, axis=-1), value)
        made = g.add("Reshape", g.add("Transpose", made, perm=[0, 2, 1, 3]), g.constant([0, 0, self.width]))
        return self.linear(g, made, f"{name}.o")

    def part(self, g, x, norm, work):
        if self.shape["pre_norm"]:
            return g.add("Add", x, work(g.norm(x, norm)))
        return g.norm(g.add("Add", x, work(x)), norm)

    def feed(self, g, x, name):
        h = self.linear(g, x, f"{name}.up")
        h = g.add("Relu", h) if self.shape["pre_norm"] else g.add("Mul", h, g.add("Sigmoid", h))
        return self.linear(g, h, f"{name}.down")

    def far(self, g, mask):
        """0 where the mask has 1, else as low as a float goes; for [batch, heads, queries, keys]."""
        mask = g.add("Cast", g.add("Unsqueeze", mask, g.constant([1, 2])), to=TensorProto.FLOAT)
        return g.add("Mul", g.add("Sub", g.constant(1, np.float32), mask),
                     g.constant(float(np.finfo(np.float32).min), np.float32))

    def embedded(self, g, ids, past):
        """`past`: how many places are before the first (a number without dimensions), or None."""
        count = g.add("Gather", g.add("Shape", ids), g.constant(1), axis=0)
        begin = g.constant(self.shape["offset"])
        if past is not None:
            begin = g.add("Add", begin, past)
        place = g.add("Range", begin, g.add("Add", begin, count), g.constant(1))
        place = g.add("Unsqueeze", g.add("Cast", place, to=TensorProto.FLOAT), g.constant([1]))
        half = np.exp(np.arange(self.width // 2) * (-2 * math.log(10000) / self.width))
        self.weights["frequencies"] = half[None].astype(np.float32)
        angle = g.add("MatMul", place, g.weight("frequencies"))
        waves = g.add("Concat", g.add("Sin", angle), g.add("Cos", angle), axis=1)
        words = self.looked_up(g, ids)
        return g.add("Add", g.add("Mul", words, g.constant(self.width ** 0.5, np.float32)), waves)

    def looked_up(self, g, ids):
        return g.add("Gather", g.weight("embed"), ids)

    def logits_of(self, g, x):
        turned = g.add("Transpose", g.weight("embed"), perm=[1, 0])
        return g.add("Add", g.add("MatMul", x, turned), g.weight("bias"))

    def encoder(self):
        g = Graph("encoder", self.weights)
        mask = self.far(g, "attention_mask")
        x = self.embedded(g, "input_ids", None)
        for i in range(self.shape["layers"]):
            name = f"encoder.{i}"

            def attend(h, name=name):
                key, value = (self.split(g, self.linear(g, h, f"{name}.self_attention.{p}")) for p in "kv")
                return self.attention(g, h, f"{name}.self_attention", key, value, mask)

            x = self.part(g, x, f"{name}.norm1", attend)
            x = self.part(g, x, f"{name}.norm3", lambda h, name=name: self.feed(g, h, name))
        x = g.norm(x, "encoder_norm") if self.shape["pre_norm"] else x
        g.add("Identity", x, out="last_hidden_state")
        ids = ["batch_size", "encoder_sequence_length"]
        return self.model(g, [("input_ids", TensorProto.INT64, ids), ("attention_mask", TensorProto.INT64, ids)],
                          [("last_hidden_state", TensorProto.FLOAT, [*ids, self.width])])

    def decoder_graph(self, with_past, prefix=""):
        """The nodes; values are named with `prefix`, as branches of one file must not share names."""
        g = Graph(f"{prefix}decoder", self.weights)
        source_mask = self.far(g, "encoder_attention_mask")
        past = None
        if with_past:
            past = g.add("Gather", g.add("Shape", "past_key_values.0.decoder.key"), g.constant(2), axis=0)
        x = self.embedded(g, "input_ids", past)
        causal = None
        if not with_past:
            count = g.add("Gather", g.add("Shape", "input_ids"), g.constant(1), axis=0)
            line = g.add("Range", g.constant(0), count, g.constant(1))
            later = g.add("Less", g.add("Unsqueeze", line, g.constant([1])), g.add("Unsqueeze", line, g.constant([0])))
            causal = g.add("Mul", g.add("Cast", later, to=TensorProto.FLOAT),
                           g.constant(float(np.finfo(np.float32).min), np.float32))
        presents = {}
        for i in range(self.decoder_layers):
            name = f"decoder.{i}"

            def attend(h, i=i, name=name):
                key, value = (self.split(g, self.linear(g, h, f"{name}.self_attention.{p}")) for p in "kv")
                if with_past:
                    key = g.add("Concat", f"past_key_values.{i}.decoder.key", key, axis=2)
                    value = g.add("Concat", f"past_key_values.{i}.decoder.value", value, axis=2)
                presents[f"present.{i}.decoder.key"], presents[f"present.{i}.decoder.value"] = key, value
                return self.attention(g, h, f"{name}.self_attention", key, value, causal)

            def cross(h, i=i, name=name):
                if with_past:
                    key, value = (f"past_key_values.{i}.encoder.{p}" for p in ("key", "value"))
                else:
                    key, value = (self.split(g, self.linear(g, "encoder_hidden_states", f"{name}.cross_attention.{p}"))
                                  for p in "kv")
                    presents[f"present.{i}.encoder.key"], presents[f"present.{i}.encoder.value"] = key, value
                return self.attention(g, h, f"{name}.cross_attention", key, value, source_mask)

            x = self.part(g, x, f"{name}.norm1", attend)
            x = self.part(g, x, f"{name}.norm2", cross)
            x = self.part(g, x, f"{name}.norm3", lambda h, name=name: self.feed(g, h, name))
        x = g.norm(x, "decoder_norm") if self.shape["pre_norm"] else x
        for name, value in {"logits": self.logits_of(g, x), **presents}.items():
            g.add("Identity", value, out=prefix + name)
        return g

    def present_names(self, with_encoder=True):
        kinds = ("decoder", "encoder") if with_encoder else ("decoder",)
        return [f"{i}.{kind}.{part}" for i in range(self.decoder_layers) for kind in kinds
                for part in ("key", "value")]

    def cache_ports(self, stem, with_encoder, length):
        ports = []
        for name in self.present_names(with_encoder):
            extent = "encoder_sequence_length_out" if ".encoder." in name else length
            ports.append((f"{stem}.{name}", TensorProto.FLOAT, ["batch_size", self.heads, extent, self.head]))
        return ports

    def decoder_ports(self):
        return (("encoder_attention_mask", TensorProto.INT64, ["batch_size", "encoder_sequence_length"]),
                ("input_ids", TensorProto.INT64, ["batch_size", "decoder_sequence_length"]),
                ("encoder_hidden_states", TensorProto.FLOAT, ["batch_size", "encoder_sequence_length", self.width]))

    def logits(self):
        return ("logits", TensorProto.FLOAT, ["batch_size", "decoder_sequence_length", self.shape["vocabulary"]])

    def decoder(self):
        mask, ids, states = self.decoder_ports()
        return self.model(self.decoder_graph(False), [mask, ids, states],
                          [self.logits(), *self.cache_ports("present", True, "decoder_sequence_length")])

    def decoder_with_past(self):
        mask, ids, _ = self.decoder_ports()
        return self.model(self.decoder_graph(True),
                          [mask, ids, *self.cache_ports("past_key_values", True, "past_decoder_sequence_length")],
                          [self.logits(), *self.cache_ports("present", False, "past_decoder_sequence_length + 1")])

    def merged(self):
        """With a cache the values of the encoder are not given again: those places are empty, as in
        Optimum's."""
        branches = []
        for with_past, prefix in ((True, "then/"), (False, "else/")):
            g = self.decoder_graph(with_past, prefix)
            if with_past:
                for name in self.present_names():
                    if ".encoder." in name:
                        g.add("ConstantOfShape", g.constant([0, self.heads, 1, self.head]),
                              out=f"{prefix}present.{name}",
                              value=helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0]))
            outputs = [prefix + n for n in ("logits", *(f"present.{n}" for n in self.present_names()))]
            branches.append((g, outputs))
        outer = Graph("merged", self.weights)
        for g, _ in branches:
            outer.used.update(g.used)

        def subgraph(g, outputs, name):
            return helper.make_graph(g.nodes, name, [], [helper.make_tensor_value_info(o, TensorProto.FLOAT, None)
                                                         for o in outputs])

        outputs = ["logits", *(f"present.{n}" for n in self.present_names())]
        outer.nodes.append(helper.make_node("If", ["use_cache_branch"], outputs,
                                            then_branch=subgraph(*branches[0], "with_past"),
                                            else_branch=subgraph(*branches[1], "without_past")))
        return self.model(outer, [*self.decoder_ports(),
                                  *self.cache_ports("past_key_values", True, "past_decoder_sequence_length"),
                                  ("use_cache_branch", TensorProto.BOOL, [1])],
                          [self.logits(), *self.cache_ports("present", True, "present_sequence_length")])

    def model(self, g, inputs, outputs):
        weights = [numpy_helper.from_array(value, name) for name, value in sorted(g.used.items())]
        graph = helper.make_graph(g.nodes, "main_graph", [helper.make_tensor_value_info(*p) for p in inputs],
                                  [helper.make_tensor_value_info(*p) for p in outputs], weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8,
                                 producer_name=self.producer)
        onnx.checker.check_model(made, full_check=True)
        return made.SerializeToString(deterministic=True)


def write_networks(model, folder):
    exporter = Exporter(model)
    for name, make in (("encoder_model", exporter.encoder), ("decoder_model", exporter.decoder),
                       ("decoder_with_past_model", exporter.decoder_with_past),
                       ("decoder_model_merged", exporter.merged)):
        (folder / f"{name}.onnx").write_bytes(make())

"""ONNX files made by hand, field by field: the same as onnx_bytes.h, for tests in Python."""


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, content):
    if isinstance(content, str):
        content = content.encode()
    return varint(field << 3 | 2) + varint(len(content)) + content


def port(name, shape, element_type=1):
    """An input or output; a string in the shape names an open dimension."""
    dimensions = b"".join(data(1, data(2, extent) if isinstance(extent, str) else number(1, extent))
                          for extent in shape)
    return data(1, name) + data(2, data(1, number(1, element_type) + data(2, dimensions)))


def node(operator, inputs, outputs, domain=""):
    return (b"".join(data(1, name) for name in inputs) + b"".join(data(2, name) for name in outputs)
            + data(4, operator) + (data(7, domain) if domain else b""))


def external_weight(name, file):
    return number(1, 1) + number(2, 1) + data(8, name) + data(13, data(1, "location") + data(2, file)) + number(14, 1)


def model(nodes, inputs, outputs, weights=(), domains=()):
    graph = (b"".join(data(1, one) for one in nodes) + data(2, "graph") + b"".join(data(5, one) for one in weights)
             + b"".join(data(11, one) for one in inputs) + b"".join(data(12, one) for one in outputs))
    return (number(1, 8) + data(2, "by hand") + data(7, graph) + data(8, data(1, "") + number(2, 13))
            + b"".join(data(8, data(1, domain) + number(2, 1)) for domain in domains))

"""What the faces of a trace say, in English and Spanish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Language = Literal["en", "es"]

WORDS: Mapping[str, tuple[str, str]] = {
    # operations
    "convolution": ("Convolution", "Convolución"),
    "pooling": ("Pooling", "Agrupación (pooling)"),
    "global_pooling": ("Global pooling", "Agrupación global"),
    "activation_of": ("Activation", "Activación"),
    "dense": ("Fully connected layer", "Capa totalmente conectada"),
    "softmax_of": ("Softmax", "Softmax"),
    "cross_entropy": ("Cross-entropy", "Entropía cruzada"),
    "batch_norm": ("Batch norm", "Normalización por lotes"),
    "local_response_norm": ("Local response norm", "Normalización de respuesta local"),
    "dropout_of": ("Dropout", "Dropout"),
    "rnn": ("Simple recurrent cell (RNN)", "Celda recurrente simple (RNN)"),
    "lstm": ("LSTM cell", "Celda LSTM"),
    "gru": ("GRU cell", "Celda GRU"),
    # steps
    "products": ("products", "productos"),
    "sum": ("sum", "suma"),
    "bias": ("bias", "sesgo"),
    "activation": ("activation", "activación"),
    "maximum": ("maximum", "máximo"),
    "mean": ("mean", "media"),
    "variance": ("variance", "varianza"),
    "normalise": ("normalise", "normalizar"),
    "scale": ("scale and shift", "escalar y desplazar"),
    "squares": ("squares", "cuadrados"),
    "divisor": ("divisor", "divisor"),
    "quotient": ("quotient", "cociente"),
    "dropout": ("dropout", "dropout"),
    "shift": ("shift", "desplazar"),
    "exponential": ("exponentials", "exponenciales"),
    "share": ("share", "proporción"),
    "softmax": ("softmax", "softmax"),
    "logarithm": ("logarithms", "logaritmos"),
    "loss": ("loss", "pérdida"),
    "input_products": ("weights times datum", "pesos por dato"),
    "hidden_products": ("weights times short-term memory", "pesos por memoria a corto plazo"),
    "memory_sum": ("sum of the memory's part", "suma de la parte de la memoria"),
    "reset": ("through the reset gate", "por la puerta de reinicio"),
    "gate_sum": ("sum of the gate", "suma de la puerta"),
    "gate": ("valve", "válvula"),
    "learn": ("what is learned", "lo aprendido"),
    "forget": ("what is kept", "lo conservado"),
    "remember": ("new long-term memory", "nueva memoria a largo plazo"),
    "use": ("new short-term memory, the output", "nueva memoria a corto plazo, la salida"),
    "stage_learn": ("learn gate", "puerta de aprendizaje"),
    "stage_forget": ("forget gate", "puerta de olvido"),
    "stage_remember": ("remember gate", "puerta de recuerdo"),
    "stage_use": ("use gate", "puerta de uso"),
    # stages, the lecture's names
    "part_mix": ("the new memory: (1 - z) × n + z × h'", "la nueva memoria: (1 - z) × n + z × h'"),
    "part_learn": ("learn gate (lecture): i × g", "puerta de aprendizaje (clase): i × g"),
    "part_forget": ("forget gate (lecture): f × c'", "puerta de olvido (clase): f × c'"),
    "part_remember": ("remember gate (lecture): c", "puerta de recuerdo (clase): c"),
    "part_use": ("use gate (lecture): o × tanh(c)", "puerta de uso (clase): o × tanh(c)"),
    "tanh": ("long-term memory through tanh", "memoria a largo plazo por tanh"),
    "fresh": ("new", "nuevo"),
    "kept": ("kept", "conservado"),
    "mixture": ("mixture", "mezcla"),
    "through_activation": ("back through the activation", "atrás por la activación"),
    "through_gate": ("back through the valve", "atrás por la válvula"),
    "into_memory": ("back into the memory", "atrás a la memoria"),
    "road_back": ("handed on to the step before", "entregado al paso anterior"),
    # gates: the field's name, its letter in torch, the lecture's stage
    "part_state": ("state S(t), elsewhere called h(t)", "estado S(t), en otros sitios h(t)"),
    "part_input_gate": ("input gate i: the valve of learning", "puerta de entrada i: la válvula de aprender"),
    "part_candidate": (
        "candidate (g or n; ĉ in the lecture): what could be learned",
        "candidato (g o n; ĉ en la clase): qué se podría aprender",
    ),
    "part_forget_gate": ("forget gate f: the valve of the long-term memory", "puerta de olvido f: la válvula de la memoria a largo plazo"),
    "part_output_gate": ("output gate o: the valve of use", "puerta de salida o: la válvula de usar"),
    "part_reset_gate": (
        "reset gate r: how much of the memory the candidate hears",
        "puerta de reinicio r: cuánta memoria oye el candidato",
    ),
    "part_update_gate": ("update gate z: how much of the memory stays", "puerta de actualización z: cuánta memoria queda"),
    "part_backward": ("backward", "hacia atrás"),
    # marks
    "padding": ("padding", "relleno (padding)"),
    "winner": ("winner", "ganador"),
    "dropped": ("dropped", "descartado"),
    # lines of their own
    "at_window": ("window at row {1}, column {2} of kernel {0}", "ventana en la fila {1}, columna {2} del kernel {0}"),
    "at_pool": ("window at row {1}, column {2} of channel {0}", "ventana en la fila {1}, columna {2} del canal {0}"),
    "at_unit": ("unit {0}", "unidad {0}"),
    "at_class": ("class {0}", "clase {0}"),
    "at_step": ("step t = {0}", "paso t = {0}"),
    "at_channel": ("channel {0}", "canal {0}"),
    "back_at": (
        "back through step t = {0}, for the loss that sums every h",
        "hacia atrás por el paso t = {0}, con la pérdida que suma todos los h",
    ),
    "at_place": ("place {}", "lugar {}"),
    "shapes": ("{} in, {} out", "{} entra, {} sale"),
    "shared": (
        "{0} weights and biases, shared by all windows; {1} weights if every window had its own; {2} if fully connected",
        "{0} pesos y sesgos que comparten todas las ventanas; {1} pesos si cada ventana tuviera los suyos; {2} si todo estuviera conectado",
    ),
    "area": ("{0:.4g} % of the area kept, all of the depth", "se conserva el {0:.4g} % del área y toda la profundidad"),
    "ties": (
        "{0} cells tie; the first in reading order takes the gradient",
        "{0} celdas empatan; la primera en orden de lectura recibe el gradiente",
    ),
    "channel": ("channel", "canal"),
    "more": ("and {0} more", "y {0} más"),
    "image": ("input", "entrada"),
    "map": ("output", "salida"),
    "legend": ("negative, zero, positive", "negativo, cero, positivo"),
    "gradient_of": ("gradient of {0} {1}", "gradiente de {0} {1}"),
    "term": ("place", "lugar"),
    "upstream": ("dL/dy", "dL/dy"),
    "slope": ("slope", "pendiente"),
    "local": ("factor", "factor"),
    "product": ("product", "producto"),
    "checked": (
        "measured by a finite difference: {0}, deviation {1:.1e}",
        "medido por diferencia finita: {0}, desviación {1:.1e}",
    ),
    "engine": ("the engine computed {0}, deviation {1:.2e}: {2}", "el motor calculó {0}, desviación {1:.2e}: {2}"),
    "folded": ("folded", "plegado"),
    "unfolded": ("unfolded in time", "desplegado en el tiempo"),
    "short_term": ("short-term memory h", "memoria a corto plazo h"),
    "long_term": ("long-term memory c", "memoria a largo plazo c"),
    "same_weights": ("the same weights W at every step", "los mismos pesos W en cada paso"),
    "valves_read": ("each valve is a small network that reads x(t) and h(t-1)", "cada válvula es una pequeña red que lee x(t) y h(t-1)"),
    "learnable": ("candidate g = {0}", "candidato g = {0}"),
    "open": ("{0} % open", "{0} % abierta"),
    "fading": ("How much of the gradient is left on the way back", "Cuánto queda del gradiente en el camino hacia atrás"),
    "steps_back": ("steps back in time", "pasos atrás en el tiempo"),
    "left_rnn": ("RNN, dLoss/dh", "RNN, dLoss/dh"),
    "left_gru": ("GRU, dLoss/dh", "GRU, dLoss/dh"),
    "left_lstm": ("LSTM, dLoss/dh", "LSTM, dLoss/dh"),
    "left_cell": ("LSTM, dLoss/dc", "LSTM, dLoss/dc"),
}


def say(key: str, language: Language = "en", *values: object) -> str:
    """Give a word or a line in a language, its places filled. A key that is not there is its own word."""
    pair = WORDS.get(key, (key, key))
    line = pair[language == "es"]
    return line.format(*values) if values else line


def name_of(operation: str, language: Language) -> str:
    """Give an operation's title."""
    return say(f"{operation}_of" if f"{operation}_of" in WORDS else operation, language)

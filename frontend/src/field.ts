/** What a cell sees: its window on the layer above, and from there up to the image. */

import type { LayerSpec } from "./protocol";

/** How a layer looks at what goes in. "same": each cell at its own place; "all": every cell at everything; "unknown" ends the chain. */
export type Reach =
  | { readonly how: "window"; readonly size: Pair; readonly stride: Pair; readonly padding: Pair; readonly dilation: Pair; readonly channels: "own" | "all" }
  | { readonly how: "same"; readonly channels: "own" | "all" }
  | { readonly how: "all" }
  | { readonly how: "unknown" };

type Pair = readonly [number, number];

/** Rows top..bottom and columns left..right, both ends included; `channel` where only one is seen. Padding may lie outside the map. */
export interface Area {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
  readonly channel: number | null;
}

const pair = (value: unknown, otherwise: number): Pair => {
  if (typeof value === "number") return [value, value];
  if (Array.isArray(value) && value.length === 2) return [Number(value[0]), Number(value[1])];
  return [otherwise, otherwise];
};

const POINTWISE = new Set(["relu", "leaky_relu", "sigmoid", "tanh", "gelu", "silu", "elu", "softplus", "dropout", "batch_norm", "scale"]);

/** Say how a layer of this specification reaches into its input. */
export function reachOf(layer: LayerSpec): Reach {
  if (POINTWISE.has(layer.kind)) return { how: "same", channels: "own" };
  switch (layer.kind) {
    case "local_response_norm":
    case "maxout":
      return { how: "same", channels: "all" };
    case "convolution": {
      const size = pair(layer["size"], 1);
      const dilation = pair(layer["dilation"], 1);
      const padding: Pair = layer["padding"] === "same"
        ? [Math.floor((dilation[0] * (size[0] - 1)) / 2), Math.floor((dilation[1] * (size[1] - 1)) / 2)]
        : pair(layer["padding"], 0);
      return { how: "window", size, stride: pair(layer["stride"], 1), padding, dilation, channels: "all" };
    }
    case "pooling": {
      const size = pair(layer["size"], 2);
      const stride = layer["stride"] === undefined || layer["stride"] === null ? size : pair(layer["stride"], 2);
      return { how: "window", size, stride, padding: pair(layer["padding"], 0), dilation: [1, 1], channels: "own" };
    }
    case "dense":
    case "flatten":
    case "global_pooling":
      return { how: "all" };
    default:
      return { how: "unknown" };
  }
}

/** Give the area of a layer's input that an area of its output depends on; null where it is everything or not known. */
export function above(reach: Reach, area: Area): Area | null {
  if (reach.how === "same") return reach.channels === "own" ? area : { ...area, channel: null };
  if (reach.how !== "window") return null;
  const [sh, sw] = reach.stride;
  const [ph, pw] = reach.padding;
  const [kh, kw] = reach.size;
  const [dh, dw] = reach.dilation;
  return {
    top: area.top * sh - ph,
    bottom: area.bottom * sh - ph + (kh - 1) * dh,
    left: area.left * sw - pw,
    right: area.right * sw - pw + (kw - 1) * dw,
    channel: reach.channels === "own" ? area.channel : null,
  };
}

/** Follow a cell of layer `index` up to the image: what it sees of the output of each layer before it, -1 being the image itself. */
export function seenBy(layers: readonly LayerSpec[], index: number, cell: Area): Map<number, Area | "all"> {
  const seen = new Map<number, Area | "all">();
  let area: Area | "all" = cell;
  for (let i = index; i >= 0; i--) {
    const reach: Reach = reachOf(layers[i]!);
    if (reach.how === "unknown") break;
    const next: Area | "all" = area === "all" || reach.how === "all" ? "all" : (above(reach, area) ?? "all");
    seen.set(i - 1, next);
    area = next;
  }
  return seen;
}

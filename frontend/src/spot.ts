/** Cells of pictures: where one is, what it holds, and which is beside it. */

import type { LabLayer } from "./layers";
import type { Seen, What } from "./protocol";
import { read, type Blob } from "./wire";

/** A cell of a picture that somebody points at or has chosen. */
export interface Spot {
  readonly layer: string;
  readonly what: What;
  /** Place in the layer's own numbers: (channel, row, column), (unit,), or for weights (kernel, channel, row, column). */
  readonly place: readonly number[];
  readonly value: number;
}

/** A dense layer's weights over maps are drawn as maps, (unit, channel, row, column); its own places are (unit, input). */
export function placeIn(layers: readonly LabLayer[], spot: Spot): readonly number[] {
  const layer = layers.find(({ path }) => path === spot.layer);
  const before = layer && layers.find(({ index }) => index === layer.index - 1)?.shape;
  if (layer?.row.kind !== "dense" || spot.place.length !== 4 || before?.length !== 3) return spot.place;
  const [unit = 0, channel = 0, row = 0, column = 0] = spot.place;
  return [unit, (channel * before[1]! + row) * before[2]! + column];
}

/** What asks for the arithmetic behind a cell, without the example and the moment. */
export function questionOf(layers: readonly LabLayer[], spot: Spot): Record<string, unknown> {
  const { layer, what } = spot;
  const weights = layers.find(({ path }) => path === layer)?.row.kind === "dense" ? "weights" : "kernels";
  return { layer, what, place: placeIn(layers, spot), backward: what !== "activation", of: what.startsWith("weight") ? weights : "output" };
}

/** The number at a place of a layer's own; NaN where the picture leaves it out. */
export function valueAt(seen: Seen, blob: Blob, place: readonly number[]): number {
  const [sy = 1, sx = 1] = typeof seen.stride === "number" ? [seen.stride, seen.stride] : (seen.stride ?? []);
  let index = 0;
  for (let axis = 0; axis < blob.shape.length; axis++) {
    let at = place[axis] ?? 0;
    if (axis === 0 && seen.shown?.length) at = seen.shown.indexOf(at);
    else if (axis === blob.shape.length - 2 && axis > 0) at /= sy;
    else if (axis === blob.shape.length - 1) at /= sx;
    if (!Number.isInteger(at) || at < 0 || at >= blob.shape[axis]!) return NaN;
    index = index * blob.shape[axis]! + at;
  }
  return read(blob, index) * (blob.dtype === "f2" ? (seen.scale ?? 1) : 1);
}

/** The place beside one in the direction of a key: itself at the edge, null where the key is none to walk with. */
export function beside(place: readonly number[], shape: readonly number[], key: string): readonly number[] | null {
  const last = place.length - 1;
  const moves: Record<string, [number, number]> = last > 0
    ? { ArrowLeft: [last, -1], ArrowRight: [last, 1], ArrowUp: [last - 1, -1], ArrowDown: [last - 1, 1], PageUp: [0, -1], PageDown: [0, 1] }
    : { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const move = moves[key];
  if (!move) return null;
  const [axis, by] = move;
  const next = (place[axis] ?? 0) + by;
  return next < 0 || next >= (shape[axis] ?? Infinity) ? place : place.map((at, i) => (i === axis ? next : at));
}

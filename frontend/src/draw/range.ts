/** The range of a colour scale from the numbers themselves: nearly all of them, so that one outlier does not bleach the rest. */

import { HALF, type Blob } from "../wire";

const BINS = 1024; // of magnitudes, 8 to each power of two
const PER_OCTAVE = 8;
const MIDDLE = BINS / 2;
const BITS = 7; // of a half's fraction that make no difference to its bin

/** Counts of magnitudes on a logarithmic scale. */
export class Magnitudes {
  readonly counts = new Uint32Array(BINS);
  total = 0;
  largest = 0;

  add(blob: Blob, scale: number): void {
    const { data } = blob;
    const { counts } = this;
    this.total += data.length;
    if (blob.dtype === "f2") {
      // The bits of a half without its sign grow with its magnitude: the upper ones are already a logarithmic bin.
      const shift = Math.round(Math.log2(scale || 1)) * PER_OCTAVE + MIDDLE - 15 * PER_OCTAVE;
      let top = 0;
      for (let i = 0; i < data.length; i++) {
        const bits = data[i]! & 0x7fff;
        if (bits === 0) continue;
        if (bits > top) top = bits;
        const bin = (bits >> BITS) + shift;
        counts[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]!++;
      }
      this.largest = Math.max(this.largest, HALF[top]! * scale);
      return;
    }
    for (let i = 0; i < data.length; i++) {
      const value = Math.abs(data[i]!) * (scale || 1);
      if (!(value > 0)) continue;
      this.largest = Math.max(this.largest, value);
      counts[binOf(value)]!++;
    }
  }

  /** The magnitude that all but this share of the numbers stay below. */
  below(share: number): number {
    if (!(this.largest > 0)) return 0;
    let left = Math.floor(this.total * share);
    for (let bin = binOf(this.largest); bin >= 0; bin--) {
      left -= this.counts[bin]!;
      if (left < 0) return Math.min(this.largest, edge(bin + 1));
    }
    return this.largest;
  }

  /** The share of the numbers that lie beyond a magnitude, to the width of a bin. */
  beyond(range: number): number {
    if (this.total === 0 || range >= this.largest) return 0;
    let over = 0;
    const first = binOf(range);
    for (let bin = binOf(this.largest); bin > first; bin--) over += this.counts[bin]!;
    return over / this.total;
  }
}

function binOf(value: number): number {
  const power = Math.floor(Math.log2(value));
  const bin = MIDDLE + power * PER_OCTAVE + Math.floor((value / 2 ** power - 1) * PER_OCTAVE);
  return bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin;
}

function edge(bin: number): number {
  const place = bin - MIDDLE;
  const power = Math.floor(place / PER_OCTAVE);
  return 2 ** power * (1 + (place - power * PER_OCTAVE) / PER_OCTAVE);
}

const STEPS = [1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.4, 8, 10];

/** Round up to one of ten steps a decade, so that the legend does not tremble from frame to frame. */
export function steady(range: number): number {
  if (!(range > 0) || !Number.isFinite(range)) return 1;
  const power = 10 ** Math.floor(Math.log10(range) + 1e-9);
  const step = STEPS.find((s) => range <= s * power * 1.0001) ?? 10;
  return Number((step * power).toPrecision(3));
}

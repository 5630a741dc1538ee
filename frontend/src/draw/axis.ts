/** Where a scale of numbers begins and ends, and what is written along it. */

import { niceRange } from "../scale";

/** Kinds of scale: shares of 0 to 1, magnitudes by powers of ten, or any numbers. */
export type Kind = "share" | "log" | "plain";

/** From where to where a scale goes that holds these numbers, with a little room. */
export function extent(low: number | null | undefined, high: number | null | undefined, kind: Kind): [number, number] {
  if (kind === "share") return [Math.max(0, Math.floor((low ?? 0) * 10 - 0.2) / 10), Math.min(1.03, Math.ceil((high ?? 1) * 10 + 0.2) / 10)]; // a line along 100 % is seen whole, and its dots
  if (low === null || low === undefined || high === null || high === undefined || !Number.isFinite(low)) return [0, 1];
  if (kind === "log") return [10 ** Math.floor(Math.log10(low)), 10 ** Math.max(Math.floor(Math.log10(low)) + 1, Math.ceil(Math.log10(high)))];
  if (high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) return low === 0 ? [0, 1] : [Math.min(0, low * 1.2), Math.max(0, high * 1.2)];
  const room = (high - low) * 0.06;
  return [low >= 0 ? Math.max(-room / 2, low - room) : low - room, high + room]; // as is a line along 0
}

/** Round numbers to write along a scale, about `most` of them at the highest. */
export function ticks(from: number, to: number, most: number, kind: Kind = "plain"): number[] {
  if (kind === "log") {
    const first = Math.round(Math.log10(from));
    const tens = Array.from({ length: Math.round(Math.log10(to)) - first + 1 }, (_, i) => 10 ** (first + i));
    return tens.filter((_, i) => i % Math.ceil(tens.length / most) === 0);
  }
  const step = niceRange((to - from) / most);
  const first = Math.ceil(from / step - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(to / step + 1e-9) - first + 1) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

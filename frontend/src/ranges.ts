/** The colour range of every picture of a moment. */

import { Magnitudes, steady } from "./draw/range";
import { WHATS, type Picture } from "./protocol";

const OUTLIERS = 0.002; // this share of a picture may lie beyond its scale
const FEW = 400; // of fewer numbers none is an outlier

/** A picture's colour range, and the share of its numbers beyond it. */
export interface Range {
  readonly range: number;
  readonly clamped: number;
}

/** The colour range of each picture, keyed "layer what". In common mode all pictures of a kind share one. */
export function rangesOf(picture: Picture, common: boolean): Map<string, Range> {
  const ranges = new Map<string, Range>();
  for (const what of WHATS) {
    const all = new Magnitudes();
    const each: [string, Magnitudes][] = [];
    for (const layer of picture.layers) {
      const seen = layer[what];
      const blob = seen?.blob === null || seen?.blob === undefined ? undefined : picture.blobs[seen.blob];
      if (!seen || !blob) continue;
      const own = new Magnitudes();
      own.add(blob, seen.scale ?? 1);
      if (common) all.add(blob, seen.scale ?? 1);
      each.push([`${layer.name} ${what}`, own]);
    }
    const shared = common ? steady(all.below(OUTLIERS)) : 0;
    for (const [key, own] of each) {
      const range = common ? shared : steady(own.total < FEW ? own.largest : own.below(OUTLIERS));
      ranges.set(key, { range, clamped: own.beyond(range) });
    }
    if (common) ranges.set(what, { range: shared, clamped: all.beyond(shared) });
  }
  return ranges;
}

/** The curves of a run: every point is kept, and what is drawn is as many points as there are pixels. */

import type { LabEvent } from "./protocol";

export interface Mark {
  readonly step: number;
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Points in the order of their steps. */
export class Series {
  readonly steps: number[] = [];
  readonly values: number[] = [];

  add(step: number, value: number | null): void {
    if (value === null || !Number.isFinite(value)) return;
    this.steps.push(step);
    this.values.push(value);
  }

  /** Forget the points from a step on: a resumed run lives them again. */
  rewind(step: number): void {
    const keep = lowerBound(this.steps, step);
    this.steps.length = this.values.length = keep;
  }
}

/** The first index whose step is not below. */
export function lowerBound(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * A running mean that forgets: smoothing 0 gives the values themselves, 0.98 the mean of about the last 50. It begins unbiased (Kingma &
 * Ba 2015, section 3), so that the first points are not drawn towards zero.
 */
export function smooth(values: readonly number[], smoothing: number): Float64Array {
  const out = new Float64Array(values.length);
  let mean = 0;
  let weight = 0;
  for (let i = 0; i < values.length; i++) {
    mean = smoothing * mean + (1 - smoothing) * values[i]!;
    weight = smoothing * weight + (1 - smoothing);
    out[i] = weight > 0 ? mean / weight : values[i]!;
  }
  return out;
}

/** Means of at most `points` buckets of equal width in steps, from `from` to `to`. */
export function thin(
  steps: readonly number[], values: ArrayLike<number>, from: number, to: number, points: number,
): { steps: number[]; values: number[] } {
  const first = lowerBound(steps, from);
  const last = lowerBound(steps, to + 1);
  if (last - first <= points) return { steps: steps.slice(first, last), values: Array.from({ length: last - first }, (_, i) => values[first + i]!) };
  const out = { steps: [] as number[], values: [] as number[] };
  const width = (to - from + 1) / points;
  for (let i = first; i < last; ) {
    const bucket = Math.floor((steps[i]! - from) / width);
    let sum = 0;
    let places = 0;
    let n = 0;
    for (; i < last && Math.floor((steps[i]! - from) / width) === bucket; i++, n++) {
      sum += values[i]!;
      places += steps[i]!;
    }
    out.steps.push(places / n);
    out.values.push(sum / n);
  }
  return out;
}

/** Everything that is drawn over the steps of one run. */
export class Curves {
  readonly loss = new Series();
  readonly accuracy = new Series();
  readonly rate = new Series();
  readonly testLoss = new Series();
  readonly testAccuracy = new Series();
  readonly marks: Mark[] = [];

  get all(): readonly Series[] {
    return [this.loss, this.accuracy, this.rate, this.testLoss, this.testAccuracy];
  }

  get last(): number {
    return Math.max(0, ...this.all.map((series) => series.steps.at(-1) ?? 0));
  }

  take(event: LabEvent): void {
    switch (event.event) {
      case "batch_done":
        this.loss.add(event.step, event.loss);
        this.accuracy.add(event.step, event.num_correct === null ? null : event.num_correct / event.num_examples);
        this.rate.add(event.step, event.learning_rate);
        break;
      case "evaluated":
        if (event.views !== "one") break;
        this.testLoss.add(event.step, event.loss);
        this.testAccuracy.add(event.step, event.accuracy);
        break;
      case "control_changed":
        this.marks.push(event);
        break;
      case "run_started":
        for (const series of this.all) series.rewind(event.step + 1);
        break;
      default:
    }
  }
}

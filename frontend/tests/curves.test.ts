import { describe, expect, it } from "vitest";
import { Curves, lowerBound, smooth, thin } from "../src/curves";
import type { LabEvent } from "../src/protocol";
import { Standing } from "../src/standing";

const batch = (step: number, more: Partial<Extract<LabEvent, { event: "batch_done" }>> = {}): LabEvent => ({
  event: "batch_done", step, epoch: 1, loss: 2, penalty: 0, num_correct: 64, num_examples: 128, learning_rate: 0.01, seconds: 0.1, ...more,
});
const started = (step: number): LabEvent => ({
  event: "run_started", step, num_train: 50000, num_test: 10000, num_steps: 1000, batch_size: 128, num_parameters: 22466, device: "cpu", precision: "float32",
  seed: 0, data: "cifar10", notes: [], exact: true,
});

describe("curves", () => {
  it("keep losses, accuracies, rates and a person's changes", () => {
    const curves = new Curves();
    curves.take(batch(1));
    curves.take(batch(2, { loss: null, num_correct: null }));
    curves.take({ event: "control_changed", step: 2, name: "learning_rate", before: 0.01, after: 0.001 });
    expect(curves.loss.values).toEqual([2]);
    expect(curves.accuracy.values).toEqual([0.5]);
    expect(curves.rate.steps).toEqual([1, 2]);
    expect(curves.marks).toHaveLength(1);
    expect(curves.last).toBe(2);
  });

  it("live some steps again when a run goes on from its checkpoint", () => {
    const curves = new Curves();
    for (let step = 1; step <= 10; step++) curves.take(batch(step));
    curves.take(started(6));
    curves.take(batch(7, { loss: 1 }));
    expect(curves.loss.steps).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(curves.loss.values.at(-1)).toBe(1);
  });

  it("are thinned to means of equal width, and left alone where they are short", () => {
    const steps = Array.from({ length: 1000 }, (_, i) => i + 1);
    const out = thin(steps, steps, 0, 1000, 100);
    expect(out.steps.length).toBeLessThanOrEqual(101);
    out.steps.forEach((step, i) => expect(out.values[i]).toBeCloseTo(step));
    expect(thin(steps, steps, 10, 20, 100).steps).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(lowerBound([1, 3, 5], 4)).toBe(2);
  });

  it("are smoothed without a bias at their beginning", () => {
    expect([...smooth([5, 5, 5], 0.9)].map((v) => v.toFixed(6))).toEqual(["5.000000", "5.000000", "5.000000"]);
    expect([...smooth([1, 2, 3], 0)]).toEqual([1, 2, 3]);
  });
});

describe("the standing", () => {
  it("takes means of the last fifty batches", () => {
    const standing = new Standing();
    standing.take(started(0));
    for (let step = 1; step <= 60; step++) standing.take(batch(step, { loss: step <= 10 ? 100 : 1 }));
    expect(standing.loss).toBe(1);
    expect(standing.accuracy).toBe(0.5);
    expect(standing.examplesPerSecond).toBeCloseTo(1280);
    expect(standing.examplesSeen).toBe(60 * 128);
    expect(standing.secondsLeft).toBeCloseTo(94);
  });

  it("counts thinned steps as often as they stand for", () => {
    const standing = new Standing();
    standing.take(batch(100, { thinned: 100, num_examples: 12800, num_correct: 6400, seconds: 10 }));
    expect(standing.examplesSeen).toBe(12800);
    expect(standing.secondsPerBatch).toBeCloseTo(0.1);
    expect(standing.examplesPerSecond).toBeCloseTo(1280);
  });

  it("counts what is lived again once", () => {
    const standing = new Standing();
    standing.take(started(0));
    for (let step = 1; step <= 10; step++) standing.take(batch(step));
    standing.take(started(6));
    standing.take(batch(7));
    expect(standing.examplesSeen).toBe(7 * 128);
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Beat } from "../src/beat.svelte";

describe("the slow beat", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("beats at once after a rest", () => {
    const beat = new Beat();
    beat.touch();
    expect(beat.count).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(beat.count).toBe(1); // and nothing is left over
    beat.touch();
    expect(beat.count).toBe(2);
  });

  it("beats four times a second at most, in step with what touches it", () => {
    const beat = new Beat();
    const at: number[] = [];
    for (let time = 0; time < 2000; time += 100) {
      const before = beat.count;
      beat.touch();
      if (beat.count > before) at.push(time);
      vi.advanceTimersByTime(100);
    }
    expect(at).toEqual([0, 300, 600, 900, 1200, 1500, 1800]);
  });

  it("does not lose the last touch", () => {
    const beat = new Beat();
    beat.touch();
    vi.advanceTimersByTime(50);
    beat.touch();
    beat.touch();
    expect(beat.count).toBe(1);
    vi.advanceTimersByTime(400);
    expect(beat.count).toBe(2);
  });

  it("beats at a word, and then need not beat later", () => {
    const beat = new Beat();
    beat.touch();
    beat.touch();
    beat.now();
    expect(beat.count).toBe(2);
    vi.advanceTimersByTime(1000);
    expect(beat.count).toBe(2);
  });
});

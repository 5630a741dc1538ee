import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Arithmetic, type Question } from "../src/arithmetic.svelte";
import type { Answer } from "../src/protocol";

const cell = (place: number, step = 7): Question => ({ layer: "conv1", place: [place], step });
let asked: Question[] = [];
let answers: Promise<Answer>[] = [];

const ask = (question: Question): Promise<Answer> => {
  asked.push(question);
  const said = { kind: "answer", id: 0, ok: true, step: question["step"], record: { of: question["place"] }, milliseconds: 2 } as unknown as Answer;
  return answers.shift() ?? Promise.resolve(said);
};

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  answers = [];
});
afterEach(() => vi.useRealTimers());

test("a cell on which the pointer rested is answered without a further question", async () => {
  const arithmetic = new Arithmetic(ask);
  arithmetic.rest(cell(1));
  await vi.advanceTimersByTimeAsync(100);
  expect(asked).toEqual([cell(1)]);
  await arithmetic.show(cell(1), false);
  expect(asked).toHaveLength(1);
  expect(arithmetic.record).toEqual({ of: [1] });
  expect(arithmetic.step).toBe(7);
  expect(arithmetic.asking).toBe(false);
});

test("another cell than the one that was rested on is asked about", async () => {
  const arithmetic = new Arithmetic(ask);
  arithmetic.rest(cell(1));
  await vi.advanceTimersByTimeAsync(100);
  await arithmetic.show(cell(2), false);
  expect(asked).toEqual([cell(1), cell(2)]);
  expect(arithmetic.record).toEqual({ of: [2] });
});

test("a pointer that passes over cells asks about none of them", async () => {
  const arithmetic = new Arithmetic(ask);
  for (let place = 0; place < 20; place++) {
    arithmetic.rest(cell(place));
    await vi.advanceTimersByTimeAsync(10);
  }
  arithmetic.rest(null);
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toEqual([]);
});

test("an answer from before stands in for the step that was clicked for a moment, and no longer", async () => {
  const arithmetic = new Arithmetic(ask);
  arithmetic.rest(cell(1, 7));
  await vi.advanceTimersByTimeAsync(100);
  await arithmetic.show(cell(1, 9), false);
  expect(asked).toHaveLength(1);
  expect(arithmetic.step).toBe(7);
  await vi.advanceTimersByTimeAsync(1000);
  await arithmetic.show(cell(1, 60), true);
  expect(asked).toHaveLength(2);
  expect(arithmetic.step).toBe(60);
});

test("resting while it learns takes a fiftieth of the network's time", async () => {
  const arithmetic = new Arithmetic(ask);
  for (let step = 0; step < 500; step++) {
    arithmetic.rest(cell(1, step));
    await vi.advanceTimersByTimeAsync(20);
  }
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.length * 2).toBeLessThanOrEqual(0.02 * 500 * 20 + 2); // 2 ms each
});

test("what fails ahead is asked again by whoever chooses the cell, who is told", async () => {
  const arithmetic = new Arithmetic(ask);
  answers = [Promise.reject(new Error("gone")), Promise.reject(new Error("still gone"))];
  answers.forEach((answer) => answer.catch(() => undefined));
  arithmetic.rest(cell(1));
  await vi.advanceTimersByTimeAsync(100);
  await arithmetic.show(cell(1), false);
  expect(arithmetic.error).toBe("still gone");
  expect(arithmetic.record).toBeNull();
});

test("the answer to a question that nobody waits for any more is not shown", async () => {
  const arithmetic = new Arithmetic(ask);
  let late: (answer: Answer) => void = () => undefined;
  answers = [new Promise((resolve) => (late = resolve))];
  const first = arithmetic.show(cell(1), false);
  await arithmetic.show(cell(2), true);
  late({ kind: "answer", id: 0, ok: true, record: { of: [1] } } as unknown as Answer);
  await first;
  expect(arithmetic.record).toEqual({ of: [2] });
});

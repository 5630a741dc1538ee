import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Picture } from "../src/protocol";
import { Rhythm } from "../src/rhythm";

const picture = (step: number): Picture => ({ step }) as unknown as Picture;
let drawn: (number | "figures")[] = [];
let asking = false;
let rate = 10;
let wanted = true;
let rhythm: Rhythm;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("requestAnimationFrame", (tell: () => void) => setTimeout(tell, 16));
  [drawn, asking, rate, wanted] = [[], false, 10, true];
  rhythm = new Rhythm({
    put: ({ step }) => {
      if (wanted) drawn.push(step);
      return wanted;
    },
    turn: () => drawn.push("figures"),
    asking: () => asking,
    rate: () => rate,
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});
const wait = (milliseconds: number): unknown => vi.advanceTimersByTime(milliseconds);

test("of the pictures that come within a frame the newest is drawn", () => {
  for (const step of [1, 2, 3]) rhythm.picture(picture(step));
  wait(20);
  expect(drawn).toEqual([3]);
});

test("figures are drawn at once where no pictures come", () => {
  rhythm.events();
  expect(drawn).toEqual(["figures"]);
});

test("while pictures come, figures are drawn in the frame of the next one", () => {
  rhythm.picture(picture(1));
  wait(20);
  rhythm.events();
  wait(70);
  expect(drawn).toEqual([1]);
  rhythm.picture(picture(2));
  wait(17);
  expect(drawn).toEqual([1, "figures", 2]);
  wait(1000);
  expect(drawn).toHaveLength(3);
});

test.each([[10, 80], [4, 200], [1, 250]])("at %d pictures a second figures wait for %d ms, then are drawn alone", (asked, milliseconds) => {
  rate = asked;
  rhythm.picture(picture(1));
  wait(20);
  rhythm.events();
  wait(milliseconds + 14);
  expect(drawn).toEqual([1]);
  wait(4);
  expect(drawn).toEqual([1, "figures"]);
});

test("whoever has clicked is answered before the next picture is drawn, which does not wait for ever", () => {
  rhythm.picture(picture(1));
  wait(20);
  asking = true;
  rhythm.picture(picture(2));
  wait(100);
  expect(drawn).toEqual([1]);
  asking = false;
  wait(20);
  expect(drawn).toEqual([1, 2]);
  asking = true;
  rhythm.picture(picture(3));
  wait(300);
  expect(drawn).toEqual([1, 2, 3]);
});

test("a picture that nobody wants any more is no stream, and what is forgotten is not drawn", () => {
  wanted = false;
  rhythm.picture(picture(1));
  wait(20);
  rhythm.events();
  expect(drawn).toEqual(["figures"]);
  wanted = true;
  rhythm.picture(picture(2));
  rhythm.forget();
  wait(100);
  expect(drawn).toEqual(["figures"]);
});

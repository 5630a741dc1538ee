/** The address holds what one is looking at, so that a link is a lesson. What is as by default is left out. */

import { WHATS, type What } from "./protocol";
import type { Language } from "./numbers";
import { RATES } from "./refresh";
import type { Theme } from "./scale";

export type View = "train" | "runs";
export type ScaleMode = "layer" | "common";

export interface Lesson {
  view: View;
  run: string | null;
  language: Language;
  theme: Theme;
  lecture: boolean;
  scale: ScaleMode;
  /** Which of the four pictures are shown. */
  shows: What[];
  /** Layers that are folded to one line. */
  folds: string[];
  example: number;
  /** A kept step of the past, or null for now. */
  step: number | null;
  /** 1 small, 2 medium, 3 large, 4 very large. */
  size: number;
  /** First-layer kernels in colour. */
  colour: boolean;
  /** Times a second that the maps are drawn anew; null as often as is usual there. */
  refresh: number | null;
}

export const SIZES = [1, 2, 3, 4] as const;
const VIEWS: readonly View[] = ["train", "runs"];

/** What a browser without a word in its address gets. */
export function defaults(languages: readonly string[], dark: boolean): Lesson {
  const wished = languages.find((tag) => /^(es|en)\b/i.test(tag)) ?? "en";
  return {
    view: "train", run: null, language: /^es/i.test(wished) ? "es" : "en", theme: dark ? "dark" : "light", lecture: false, scale: "layer",
    shows: [...WHATS], folds: [], example: 17, step: null, size: 2, colour: true, refresh: null,
  };
}

const whole = (text: string | null): number | null => (text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null);

/** Read an address' query. What it does not say, or says wrongly, is as in `otherwise`. */
export function read(search: string, otherwise: Lesson): Lesson {
  const query = new URLSearchParams(search);
  const list = (name: string): string[] | null => query.get(name)?.split(",").filter(Boolean) ?? null;
  const language = query.get("lang");
  const theme = query.get("theme");
  const view = query.get("view") as View | null;
  const size = whole(query.get("size"));
  const refresh = whole(query.get("refresh"));
  return {
    ...otherwise,
    view: view && VIEWS.includes(view) ? view : otherwise.view,
    run: /^[\w.-]{1,128}$/.test(query.get("run") ?? "") ? query.get("run") : otherwise.run,
    language: language === "es" || language === "en" ? language : otherwise.language,
    theme: theme === "dark" || theme === "light" ? theme : otherwise.theme,
    lecture: query.has("lecture") ? query.get("lecture") !== "0" : otherwise.lecture,
    scale: query.get("scale") === "common" ? "common" : query.get("scale") === "layer" ? "layer" : otherwise.scale,
    shows: list("show")?.filter((name): name is What => (WHATS as readonly string[]).includes(name)) ?? otherwise.shows,
    folds: list("fold") ?? otherwise.folds,
    example: whole(query.get("example")) ?? otherwise.example,
    step: whole(query.get("step")) ?? otherwise.step,
    size: size && size >= 1 && size <= 4 ? size : otherwise.size,
    colour: query.has("colour") ? query.get("colour") !== "0" : otherwise.colour,
    refresh: RATES.find((rate) => rate === refresh) ?? otherwise.refresh,
  };
}

/** Write the query of an address that opens the same; language and theme are always in it once they were chosen. */
export function write(lesson: Lesson, plain: Lesson): string {
  const query = new URLSearchParams();
  const put = (name: string, value: string | number | null, usual: unknown): void => {
    if (value !== null && value !== usual) query.set(name, String(value));
  };
  put("view", lesson.view, plain.view);
  put("run", lesson.run, null);
  query.set("lang", lesson.language);
  put("theme", lesson.theme, plain.theme);
  put("lecture", lesson.lecture ? 1 : 0, 0);
  put("scale", lesson.scale, plain.scale);
  put("show", lesson.shows.join(","), plain.shows.join(","));
  put("fold", lesson.folds.join(","), "");
  put("example", lesson.example, plain.example);
  put("step", lesson.step, null);
  put("size", lesson.size, plain.size);
  put("colour", lesson.colour ? 1 : 0, 1);
  put("refresh", lesson.refresh, null);
  return `?${query}`.replaceAll("%2C", ",");
}

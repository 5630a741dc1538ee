/** Why something failed, in the page's language. */

import type { Language } from "../numbers";
import type { Words } from "./en";
import { say, type Said } from "./said";

/** The reason that a cause gives. Where nobody answers, `fetch` throws a TypeError in words of the browser's own. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof TypeError) return "offline";
  return cause instanceof Error ? cause.message : String(cause);
}

/** Say a reason in the server's sentence, as its bare status, or as "offline" of our own. */
export function heard(reason: string, words: Words, language: Language): Said {
  if (reason === "offline") return { text: words.line.refused, lang: undefined };
  if (/^\d{3}$/.test(reason)) return { text: `${words.failed} (${reason})`, lang: undefined };
  return say(reason, language);
}

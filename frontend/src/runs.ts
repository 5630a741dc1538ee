/** The runs that the server keeps. */

import type { RunRow } from "./protocol";

/** Ask for the list of runs, the newest first; one that has not loaded yet is newer than all. */
export async function list(): Promise<{ runs: RunRow[]; current: string | null }> {
  const response = await fetch("/api/runs", { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${response.status}`);
  const { runs, current = null } = (await response.json()) as { runs: RunRow[]; current?: string | null };
  return { runs: [...runs].sort((a, b) => (a.created ?? "~") < (b.created ?? "~") ? 1 : -1), current };
}

/** How many times a second the maps are drawn anew. */

import type { LabEvent } from "./protocol";

type Started = Extract<LabEvent, { event: "run_started" }>;

/** What a person can choose. */
export const RATES = [1, 4, 10, 20] as const;

const USUAL = 10;
const SPARING = 4;
const HERE = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * Updates a second where nobody has chosen: fewer where training has taken every core of the machine that draws them, since there a
 * millisecond of drawing is a millisecond that it stands still.
 */
export const usual = (start: Pick<Started, "device" | "num_threads"> | null, host: string, cores: number): number =>
  start && start.device === "cpu" && (start.num_threads ?? 0) >= cores && HERE.test(host) ? SPARING : USUAL;

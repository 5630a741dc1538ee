/** What an experiment says of itself before a network has run. */

import type { Experiment } from "./protocol";

/** Whether it tells classes apart: their names come later, with the data. */
export function classifies({ network }: Experiment): boolean {
  return network !== undefined && network.loss?.kind !== "regression" && network.input?.kind !== "tokens";
}

/** Whether its training images are varied. */
export function augments({ augmentation }: Experiment): boolean {
  return Boolean(augmentation && ((augmentation.flip ?? "none") !== "none" || augmentation.shift || augmentation.cutout));
}

/** Paper: as long as the page is printed it is drawn in the light theme, all of it, in sight or not; afterwards as it was. */

import { flushSync } from "svelte";

class Paper {
  printing = $state(false);

  /** Listen from now on. Browsers tell of printing in two ways, and not each of them in both. */
  begin(): void {
    const print = matchMedia("print");
    const turn = (printing: boolean): void => {
      this.printing = printing;
      flushSync(); // the browser takes the page right after
    };
    print.addEventListener("change", () => turn(print.matches));
    addEventListener("beforeprint", () => turn(true));
    addEventListener("afterprint", () => turn(print.matches));
  }
}

export const paper = new Paper();

/** Read the whole curve of a run once, beside the one that is being watched. */

import { Curves } from "./curves";
import type { LabEvent } from "./protocol";
import { decode } from "./wire";

const PATIENCE = 20000;

/** Take all events of a run up to now. Rejects where the run cannot be read. */
export function gather(run: string): Promise<Curves> {
  return new Promise((resolve, reject) => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/runs/${encodeURIComponent(run)}?from=0`);
    socket.binaryType = "arraybuffer";
    const curves = new Curves();
    let end = Infinity;
    const done = (): void => {
      clearTimeout(timer);
      socket.onclose = null;
      socket.close();
      resolve(curves);
    };
    const timer = setTimeout(done, PATIENCE);
    socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      const { header } = decode(data);
      if (header.kind === "hello") {
        const hello = header as unknown as { position: number; end?: number };
        end = hello.end ?? hello.position;
        if (end === 0) done();
      } else if (header.kind === "events") {
        const { from, to, events } = header as unknown as { from: number; to?: number; events: LabEvent[] };
        for (const event of events) curves.take(event);
        if ((to ?? from + events.length) >= end) done();
      }
    };
    socket.onclose = ({ reason }) => {
      clearTimeout(timer);
      reject(new Error(reason || "offline"));
    };
  });
}

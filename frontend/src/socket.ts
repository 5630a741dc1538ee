/** One live line to a run: it comes back by itself after a cut, a nap of the laptop or a restarted server, from the last position. */

import { decode, type Frame } from "./wire";
import type { Answer } from "./protocol";

export type Connection = "connecting" | "open" | "lost" | "closed";
const FIRST_WAIT = 400;
const LONGEST_WAIT = 8000;
const PATIENCE = 8000; // without a word for so long, the line is asked whether it still lives
const NO_SUCH_RUN = 4404;
const TOO_MANY = 4429;
const NAP = 4000; // a clock that jumps by more than this has slept

export interface Listener {
  /** Where to go on from: how many events of which life of the run have been taken. */
  position(): { from: number; life: string };
  take(frame: Frame): void;
  changed(connection: Connection, retryAt: number): void;
  /** There is no such run: nothing is tried again. */
  missing(reason: string): void;
  /** Too many look already: it is tried again. */
  full(reason: string): void;
}

type Waiting = { resolve: (answer: Answer) => void; reject: (cause: Error) => void };

/** The commands wait for their answers; a cut fails those that were on their way. */
export class Line {
  private socket: WebSocket | null = null;
  private waiting = new Map<number, Waiting>();
  private number = 0;
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watch: ReturnType<typeof setInterval> | undefined;
  private heard = 0;
  private asked = false;
  private ticked = Date.now();
  private ended = false;

  constructor(private readonly path: string, private readonly listener: Listener) {
    globalThis.addEventListener?.("online", this.now);
    globalThis.document?.addEventListener("visibilitychange", this.now);
    this.watch = setInterval(this.tick, 1000);
    this.open();
  }

  /** Send a command and wait for its answer. Rejects with the server's own sentence, or where the line is cut. */
  ask(kind: string, values: Record<string, unknown> = {}): Promise<Answer> {
    const socket = this.socket;
    if (!socket || socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error("offline"));
    const id = ++this.number;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ kind, id, ...values }));
    });
  }

  close(): void {
    this.ended = true;
    clearTimeout(this.timer);
    clearInterval(this.watch);
    globalThis.removeEventListener?.("online", this.now);
    globalThis.document?.removeEventListener("visibilitychange", this.now);
    this.drop();
    this.listener.changed("closed", 0);
  }

  /** Try again at once instead of waiting. */
  readonly now = (): void => {
    if (this.ended || this.socket?.readyState === WebSocket.OPEN || globalThis.document?.visibilityState === "hidden") return;
    this.attempts = 0;
    this.open();
  };

  private open(): void {
    clearTimeout(this.timer);
    this.drop();
    this.listener.changed("connecting", 0);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const { from, life } = this.listener.position();
    const socket = new WebSocket(`${scheme}//${location.host}${this.path}?from=${from}&life=${encodeURIComponent(life)}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.heard = Date.now();
      this.asked = false;
    };
    socket.onmessage = (message: MessageEvent<ArrayBuffer | string>) => {
      this.heard = Date.now();
      this.asked = false;
      if (typeof message.data === "string") return;
      const frame = decode(message.data);
      if (frame.header.kind === "hello") {
        this.attempts = 0;
        this.listener.changed("open", 0);
      }
      if (frame.header.kind === "answer") this.settle(frame);
      else this.listener.take(frame);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      if (event.code === NO_SUCH_RUN) {
        this.close();
        this.listener.missing(event.reason);
      } else {
        if (event.code === TOO_MANY) this.listener.full(event.reason);
        this.again();
      }
    };
    this.socket = socket;
  }

  private settle(frame: Frame): void {
    const answer = { ...frame.header, blobs: frame.blobs } as unknown as Answer;
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer);
    else waiting?.reject(new Error(answer.error ?? "error"));
  }

  private again(): void {
    this.drop();
    if (this.ended) return;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.attempts++) * (0.75 + Math.random() / 2);
    this.listener.changed("lost", Date.now() + wait);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), wait);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    for (const { reject } of this.waiting.values()) reject(new Error("offline"));
    this.waiting.clear();
    if (!socket) return;
    socket.onmessage = socket.onclose = socket.onopen = null;
    socket.close();
  }

  private readonly tick = (): void => {
    const now = Date.now();
    const slept = now - this.ticked > NAP && document.visibilityState === "visible";
    this.ticked = now;
    if (this.ended || this.socket?.readyState !== WebSocket.OPEN) return;
    if (this.asked && now - this.heard > PATIENCE + 3000) return this.again();
    if (!this.asked && (slept || now - this.heard > PATIENCE)) {
      this.asked = true;
      this.heard = slept ? now - PATIENCE : this.heard;
      this.ask("ping").catch(() => undefined);
    }
  };
}

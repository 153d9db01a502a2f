/** HTML5 video and audio, and YouTube players embedded with `enablejsapi=1`: start, quarters, end. */
import { track } from "./plug.js";

const QUARTERS = [25, 50, 75];
const reached = new WeakMap<object, Set<string>>();

/** One event of each kind for each player and source. */
const once = (player: object, name: string, properties: Record<string, unknown>): void => {
  const known = reached.get(player) || new Set<string>();
  reached.set(player, known);
  const key = name + properties.media + properties.percent;
  if (known.has(key)) return;
  known.add(key);
  track(name, properties);
};

const progress = (player: object, media: string, kind: string, at: number, length: number): void => {
  const percent = QUARTERS.filter((quarter) => at / length >= quarter / 100).pop();
  if (percent) once(player, "media_progress", { media, kind, percent, duration_s: Math.round(length) });
};

const NAMES: Record<string, string> = { play: "media_started", ended: "media_completed" };
["play", "ended", "timeupdate"].forEach((type) =>
  document.addEventListener(
    type,
    (event) => {
      const player = event.target as HTMLMediaElement;
      const media = player.currentSrc;
      const kind = player.nodeName.toLowerCase();
      const name = NAMES[type];
      if (name) once(player, name, { media, kind, duration_s: Math.round(player.duration) || undefined });
      else progress(player, media, kind, player.currentTime, player.duration);
    },
    true,
  ),
);

// YouTube's own messages: the frame answers once it was told that somebody listens
const YOUTUBE = /^https:\/\/www\.youtube(-nocookie)?\.com$/;
const frames = (): HTMLIFrameElement[] =>
  Array.from(document.querySelectorAll<HTMLIFrameElement>("iframe[src*='enablejsapi=1']"));
const lengths = new WeakMap<object, number>();

addEventListener("message", (event) => {
  if (!YOUTUBE.test(event.origin) || typeof event.data !== "string") return;
  const frame = frames().find((each) => each.contentWindow === event.source);
  if (!frame) return;
  try {
    const { info } = JSON.parse(event.data);
    const media = frame.src.split("?")[0] as string;
    if (!info) return;
    if (info.duration) lengths.set(frame, info.duration);
    if (info.playerState === 1) once(frame, "media_started", { media, kind: "youtube" });
    if (info.playerState === 0) once(frame, "media_completed", { media, kind: "youtube" });
    if (info.currentTime) progress(frame, media, "youtube", info.currentTime, lengths.get(frame) || Infinity);
  } catch {
    // not a message of the player's
  }
});

const greet = (frame: HTMLIFrameElement): void => {
  if (frame.contentWindow) frame.contentWindow.postMessage('{"event":"listening","id":1,"channel":"widget"}', "*");
};
// a load event goes no further up than the document
document.addEventListener("load", (event) => event.target instanceof HTMLIFrameElement && greet(event.target), true);
frames().forEach(greet);

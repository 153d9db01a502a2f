import { attempt } from "./attempt.js";

/** The visitor's answer: it stays on disk, or every page would have to ask again. Read and written past the store. */
export const CONSENT = "nv_c";

/**
 * Text by key, on the visitor's disk or in memory. It never throws: a forbidden or full localStorage is an answer.
 * Knows no event and no consent; who may write to disk is decided outside and told with `useDisk`.
 */
export interface Store {
  get(key: string): string | undefined;
  /** False when the disk is full; the value is then in memory. */
  set(key: string, value: string): boolean;
  erase(key: string): void;
  /** Keys that begin so, in order; of the disk alone where asked. */
  named(prefix: string, onDisk?: boolean): string[];
  /** What is kept moves along, to disk or off it. */
  useDisk(allowed: boolean): void;
}

export function openStore(find: () => Storage): Store {
  const memory: Record<string, string> = {};
  let disk = memory; // until another is allowed
  const set = (key: string, value: string): boolean => {
    memory[key] = value;
    // what waits is kept twice: pages clear their storage, at a log-out for one
    return !!attempt(() => ((disk[key] = value), key[3] === "q" || disk === memory || delete memory[key]));
  };
  const get = (key: string): string | undefined => memory[key] || disk[key];
  const erase = (key: string): void => {
    delete memory[key];
    delete disk[key];
  };
  const named = (prefix: string, onDisk?: boolean): string[] =>
    [...new Set([...Object.keys(disk), ...Object.keys(onDisk ? {} : memory)])].filter((key) => key.startsWith(prefix)).sort();
  return {
    get,
    set,
    erase,
    named,
    useDisk(allowed) {
      if (disk !== memory && allowed) return;
      const found = attempt(find) || memory;
      // what an earlier page left there goes, too; but never is a key of another tab's written anew
      if (!allowed) disk = found;
      const kept = named("nv_")
        .filter((key) => key !== CONSENT)
        .map((key) => [key, get(key)!] as const);
      kept.forEach(([key]) => erase(key));
      disk = allowed ? found : memory;
      kept.forEach(([key, value]) => set(key, value));
    },
  };
}

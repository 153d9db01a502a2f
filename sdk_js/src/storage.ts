import { attempt } from "./attempt";

/** The visitor's answer: it stays on disk, or every page would have to ask again. */
export const CONSENT = "nv_c";

/**
 * Text by key, on the visitor's disk or in memory. It never throws: a forbidden or full localStorage is an answer.
 * Knows no event and no consent; who may write to disk is decided outside and told with `useDisk`.
 */
export interface Store {
  get(key: string): string | null | undefined;
  /** False when the disk is full; the value is then in memory. */
  set(key: string, value: string): boolean;
  remove(key: string): void;
  /** Keys that begin so, in order; of the disk alone where asked. */
  keys(prefix: string, onDisk?: boolean): string[];
  /** What is kept moves along, to disk or off it. */
  useDisk(allowed: boolean): void;
}

export function openStore(find: () => Storage): Store {
  const memory = new Map<string, string>();
  let disk: Storage | undefined;
  const set = (key: string, value: string): boolean => {
    memory.set(key, value);
    return !disk || !!attempt(() => (disk!.setItem(key, value), memory.delete(key)));
  };
  const get = (key: string): string | null | undefined => memory.get(key) || (disk && disk.getItem(key));
  const remove = (key: string): void => {
    memory.delete(key);
    disk && disk.removeItem(key);
  };
  const keys = (prefix: string, onDisk?: boolean): string[] =>
    [...Object.keys(disk || {}), ...(onDisk ? [] : memory.keys())].filter((key) => key.startsWith(prefix)).sort();
  return {
    get,
    set,
    remove,
    keys,
    useDisk(allowed) {
      const next = allowed ? attempt(find) : undefined;
      if (disk === next) return;
      const kept = keys("nv_").map((key) => [key, get(key)!] as const);
      kept.forEach(([key]) => key === CONSENT || remove(key));
      disk = next;
      kept.forEach(([key, value]) => set(key, value));
    },
  };
}

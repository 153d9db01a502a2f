import { widestDomain, type Jar } from "./cookie";
import type { Store } from "./storage";

const NAME = "nv_id";
const USER = "nv_u";
/** 13 months, the longest the European regulators accept without asking again. */
const AGE_S = 34_214_400;

/** Who this browser is: an id of ours in a cookie and in storage, and the user's id after a log-in. */
export interface Visitor {
  id: string;
  user(): string | null | undefined;
  /** The domain of the cookie, "" for the host alone. */
  domain: string;
  setUser(id: string): void;
  /** The id that is stored, or ours if there is none, written (again) to cookie and storage. */
  save(): void;
  /** Remove every trace; a new id takes over, in memory until saved. */
  forget(): void;
}

export function openVisitor(store: Store, jar: Jar, host: string, linked: string | undefined, fresh: () => string): Visitor {
  const visitor: Visitor = {
    id: linked || fresh(),
    user: () => store.get(USER),
    domain: "",
    setUser: (id) => void store.set(USER, id),
    save() {
      visitor.id = jar.read(NAME) || store.get(NAME) || visitor.id;
      visitor.domain = widestDomain(jar, host);
      jar.write(NAME, visitor.id, visitor.domain, AGE_S);
      store.set(NAME, visitor.id);
    },
    forget() {
      visitor.id = fresh();
      // the collector's own copy lies on the host alone
      [visitor.domain, ""].forEach((domain) => jar.write(NAME, "", domain, 0));
      [NAME, USER, "nv_l"].forEach(store.remove);
    },
  };
  return visitor;
}

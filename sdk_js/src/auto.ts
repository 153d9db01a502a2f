/** The automatic parts in their own file, which the core asks for: routes, links, forms, engaged time, scroll depth. */
import type { Core } from "./client.js";
import { watch } from "./watch.js";

const { netiv } = window as unknown as { netiv?: Core };
if (netiv && netiv.o) watch(netiv);

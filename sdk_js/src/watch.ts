import type { Core } from "./client.js";
import { watchEngagement } from "./engagement.js";
import { watchForms, watchLinks } from "./links.js";
import { watchPages } from "./pages.js";
import { tellTimezone } from "./timezone.js";

/** Everything automatic but the first page view, which the core makes. */
export const watch = (core: Core): void => [watchPages, watchLinks, watchForms, watchEngagement, tellTimezone].forEach((each) => each(core));

import type { Core } from "./client";
import { watchEngagement } from "./engagement";
import { watchForms, watchLinks } from "./links";
import { watchPages } from "./pages";
import { tellTimezone } from "./timezone";

/** Everything automatic but the first page view, which the core makes. */
export const watch = (core: Core): void => [watchPages, watchLinks, watchForms, watchEngagement, tellTimezone].forEach((each) => each(core));

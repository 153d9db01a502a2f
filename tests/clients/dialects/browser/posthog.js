import posthog from "posthog-js";

export async function travel({ url, key, journey, moment }) {
  posthog.init(key, { api_host: url, capture_pageview: true, autocapture: false, disable_session_recording: true, opt_out_useragent_filter: true });
  await moment();
  posthog.identify(journey.user, { email: journey.email, name: journey.name });
  posthog.capture("lead", journey.lead);
  posthog.capture("Order Completed", journey.order);
  for (let number = 0; number < journey.batch; number++) posthog.capture("Viewed", { number });
}

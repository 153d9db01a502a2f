import { init, track } from "@plausible-analytics/tracker";

export async function travel({ url, key, journey, moment }) {
  init({ domain: key, endpoint: `${url}/api/event`, captureOnLocalhost: true });
  await moment();
  track("lead", { props: journey.lead });
  const { order_id, revenue: amount, currency } = journey.order;
  track("Purchase", { props: { order_id }, revenue: { amount, currency } });
  for (let number = 0; number < journey.batch; number++) track("Viewed", { props: { number: String(number) } });
}

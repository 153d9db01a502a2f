import tracking from "mautic-tracking";

const mautic = tracking.default ?? tracking;

export async function travel({ journey, moment }) {
  mautic.initialize("/mtc.js");
  mautic.pageView();
  await moment();
  mautic.pageView({ email: journey.email, firstname: journey.name });
  const { order_id, revenue: total, currency } = journey.order;
  mautic.pageView({ order_id, total, currency, note: journey.lead.note });
}

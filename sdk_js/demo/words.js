/** The demo's words in English and Hebrew, and its small catalogue. */
"use strict";
var WORDS = {
  en: {
    shop: "Netiv demo shop", login: "Log in as Dana", logout: "Log out", arrive: "Arrive from", elsewhere: "Meanwhile, elsewhere",
    path: "Path", pathHint: "The touchpoints that belong to you, as Netiv has derived them.", session: "Session", events: "Events",
    add: "Add to cart", cart: "Cart", buy: "Buy now", back: "Back to the shop", thanks: "Thank you! Order", total: "Total",
    sent: "accepted", dropped: "dropped", none: "Nothing yet. Click around, it takes a second or two.", who: "logged in: Dana",
    channel: "Channel", source: "Source", campaign: "Campaign", pages: "Page views", started: "Started", visitor: "Visitor", empty: "The cart is empty.",
    noSdk: "The SDK did not load: run `make sdk`, or a blocker keeps netiv.js away.", anonymous: "nobody is logged in",
    arrivals: ["Paid search", "Newsletter", "WhatsApp group", "Influencer", "QR at the bus stop", "Typed the address"],
    touches: ["Chat with the shop", "Visit to the store", "Phone call", "Read a review"],
    products: ["Clay mug", "Linen scarf", "Fig candle", "Herb seeds"],
  },
  he: {
    shop: "חנות ההדגמה של נתיב", login: "כניסה בתור דנה", logout: "יציאה", arrive: "להגיע דרך", elsewhere: "בינתיים, במקום אחר",
    path: "הנתיב", pathHint: "נקודות המגע ששייכות לך, כפי שנתיב חיבר אותן.", session: "הביקור", events: "אירועים",
    add: "הוספה לסל", cart: "הסל", buy: "קנייה", back: "חזרה לחנות", thanks: "תודה! הזמנה", total: "סך הכול",
    sent: "התקבל", dropped: "נדחה", none: "עוד אין כלום. אפשר ללחוץ, זה לוקח שנייה או שתיים.", who: "מחוברת: דנה",
    channel: "ערוץ", source: "מקור", campaign: "קמפיין", pages: "צפיות בעמודים", started: "התחיל", visitor: "מבקר", empty: "הסל ריק.",
    noSdk: "ה־SDK לא נטען: יש להריץ ‎make sdk, או שחוסם תוכן מונע את טעינת ‎netiv.js.", anonymous: "אף אחד לא מחובר",
    arrivals: ["חיפוש ממומן", "ניוזלטר", "קבוצת ווטסאפ", "משפיענית", "ברקוד בתחנת האוטובוס", "הקלדת הכתובת"],
    touches: ["צ׳אט עם החנות", "ביקור בחנות", "שיחת טלפון", "קריאת ביקורת"],
    products: ["ספל חרס", "צעיף פשתן", "נר תאנה", "זרעי תבלינים"],
  },
};

var ARRIVALS = [
  "utm_source=google&utm_medium=cpc&utm_campaign=spring&gclid=demo-click",
  "utm_source=newsletter&utm_medium=email&utm_campaign=חדשות",
  "utm_source=whatsapp&utm_medium=community&utm_campaign=parents",
  "utm_source=instagram&utm_medium=influencer&utm_campaign=noa",
  "utm_source=poster&utm_medium=qr&utm_campaign=bus-stop",
  "",
];

var TOUCHES = [
  { kind: "chat", channel: "Chatbot", source: "site-chat" },
  { kind: "store_visit", channel: "Store", source: "dizengoff" },
  { kind: "call", channel: "Phone", source: "call-centre" },
  { kind: "review", channel: "Reviews & UGC", source: "reviews" },
];

var PRICES = [59, 129, 84, 22];

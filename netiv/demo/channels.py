"""Where the shop's customers come from: visits by channel, and touches that are no visit. Data, nothing else."""

from __future__ import annotations

import msgspec

SALES = "purchase,store_purchase"
PAID_ORGANIC, COMMUNITY, LIVE, UGC, CLASSIC = "paid_organic", "community", "live", "ugc", "classic"


class Arrival(msgspec.Struct, frozen=True):
    """A way to the shop's pages. Without `medium` only the referrer tells; without a referrer either, it is direct."""

    channel: str
    node: str
    weight: int
    source: str = ""
    medium: str = ""
    campaigns: tuple[str, ...] = ()
    referrer: str = ""
    click_id: str = ""


class Reach(msgspec.Struct, frozen=True):
    """A touch that is no visit. `by`: what names the person (visitor or user); `via`: pixel, browser or server."""

    channel: str
    node: str
    weight: int
    kind: str
    source: str
    medium: str
    campaigns: tuple[str, ...]
    by: str
    via: str
    cost: float = 0.0


ARRIVALS: tuple[Arrival, ...] = (
    Arrival("Paid Search", PAID_ORGANIC, 12, "google", "cpc", ("מותג - חיפוש", "Trail shoes IL"),
            "https://www.google.com/", "gclid"),
    Arrival("Organic Search", CLASSIC, 12, referrer="https://www.google.com/"),
    Arrival("Paid Social", PAID_ORGANIC, 10, "facebook", "paid_social", ("מבצע פסח למשפחות", "Back to school"),
            "https://www.facebook.com/", "fbclid"),
    Arrival("Organic Social", PAID_ORGANIC, 8, referrer="https://www.instagram.com/"),
    Arrival("Display", PAID_ORGANIC, 4, "walla", "display", ("באנר קיץ", "Summer banner")),
    Arrival("Paid Video", PAID_ORGANIC, 3, "youtube", "cpv", ("סרטון השקה",), "https://www.youtube.com/"),
    Arrival("Affiliates", PAID_ORGANIC, 3, "kuponim", "affiliate", ("קופון 10%", "Coupon 10")),
    Arrival("AI Assistant", CLASSIC, 4, referrer="https://chatgpt.com/"),
    Arrival("Influencer", COMMUNITY, 7, "noa_cohen", "influencer", ("הקוד של נועה", "Noa unboxing")),
    Arrival("Community", COMMUNITY, 4, "reddit", "community", ("r/israel thread",), "https://www.reddit.com/"),
    Arrival("Community", COMMUNITY, 3, "discord", "community", ("Hikers server",)),
    Arrival("Community", COMMUNITY, 5, "whatsapp", "community", ("קבוצת הורים גבעתיים", "הורים כיתה ב׳")),
    Arrival("Live", LIVE, 4, "livestream", "live", ("שידור חי יום חמישי", "Live launch")),
    Arrival("Reviews & UGC", UGC, 5, "zap", "review", ("השוואת נעליים",)),
    Arrival("Email", CLASSIC, 9, "newsletter", "email", ("ניוזלטר שבועי", "Weekly news")),
    Arrival("SMS", CLASSIC, 4, "sms", "sms", ("תזכורת עגלה",)),
    Arrival("Mobile Push Notifications", CLASSIC, 3, "app", "push", ("מבצע בזק", "Flash sale")),
    Arrival("QR & Print", CLASSIC, 2, "catalog", "qr", ("קטלוג אביב",)),
    Arrival("Direct", CLASSIC, 12),
)  # fmt: skip

REACHES: tuple[Reach, ...] = (
    Reach("Display", PAID_ORGANIC, 6, "impression", "walla", "display", ("באנר קיץ", "Summer banner"),
          "visitor", "pixel", 0.02),
    Reach("Paid Social", PAID_ORGANIC, 5, "impression", "facebook", "paid_social", ("מבצע פסח למשפחות",),
          "visitor", "pixel", 0.03),
    Reach("Community", COMMUNITY, 3, "post", "discord", "community", ("Hikers server",), "visitor", "browser"),
    Reach("Live", LIVE, 4, "attendance", "livestream", "live", ("שידור חי יום חמישי", "Live launch"),
          "visitor", "browser"),
    Reach("Reviews & UGC", UGC, 4, "review", "zap", "review", ("ביקורת גולשים",), "visitor", "browser"),
    Reach("Email", CLASSIC, 9, "open", "newsletter", "email", ("ניוזלטר שבועי", "Weekly news"), "user", "pixel"),
    Reach("SMS", CLASSIC, 3, "message", "sms", "sms", ("תזכורת עגלה",), "user", "server", 0.08),
    Reach("Mobile Push Notifications", CLASSIC, 3, "message", "app", "push", ("מבצע בזק",), "visitor", "browser"),
    Reach("Chatbot", CLASSIC, 4, "chat", "site_bot", "chatbot", ("עוזר מידות", "Size helper"), "visitor", "browser"),
    Reach("Phone", CLASSIC, 3, "call", "call_center", "phone", ("קו הזמנות",), "user", "server"),
    Reach("Store", CLASSIC, 3, "store_visit", "tel_aviv", "store", ("סניף דיזנגוף",), "user", "server"),
    Reach("Referral Program", COMMUNITY, 2, "share", "friends", "referral_program", ("חבר מביא חבר",),
          "user", "server"),
)  # fmt: skip

_STORE_CAMPAIGNS = ("איסוף מהחנות", "Store pick-up")
STORE_VISIT = Reach("Store", CLASSIC, 0, "store_visit", "tel_aviv", "store", _STORE_CAMPAIGNS, "user", "server")
PHONE_CALL = Reach("Phone", CLASSIC, 0, "call", "call_center", "phone", ("קו הזמנות",), "user", "server")
EMAIL_OPEN = next(reach for reach in REACHES if reach.kind == "open")
EMAIL_CLICK = next(arrival for arrival in ARRIVALS if arrival.channel == "Email")

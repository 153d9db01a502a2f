/** The shop: views by fragment, a cart, a log-in, touches elsewhere; each made known through the SDK as any shop would. */
"use strict";
(function () {
  var query = new URLSearchParams(location.search);
  var language = query.get("lang") === "he" ? "he" : "en";
  var words = WORDS[language];
  var key = query.get("key") || sessionStorage.getItem("demo_key") || "netiv-demo-shop";
  var make = Live.make;
  var cart = JSON.parse(sessionStorage.getItem("demo_cart") || "[]");
  sessionStorage.setItem("demo_key", key);

  document.documentElement.lang = language;
  document.documentElement.dir = language === "he" ? "rtl" : "ltr";
  document.title = words.shop;
  document.querySelectorAll("[data-word]").forEach(function (element) { element.textContent = words[element.dataset.word]; });

  /** This page under another language or campaign. */
  function address(campaign, other) {
    return "?" + [campaign, (other || language) === "he" ? "lang=he" : ""].filter(Boolean).join("&") || "?";
  }
  var switcher = document.getElementById("language");
  var other = language === "he" ? "en" : "he";
  switcher.href = address("", other) + location.hash;
  switcher.lang = switcher.hreflang = other;
  switcher.textContent = other === "he" ? "עברית" : "English";

  function priced(price) { return make("span", "price", price + " ₪"); }

  function button(text, then, main) {
    var element = make("button", main ? "main" : "", text);
    element.addEventListener("click", then);
    return element;
  }

  function product(index) { return { product: words.products[index], product_id: "p" + index, price: PRICES[index] }; }

  function save() { sessionStorage.setItem("demo_cart", JSON.stringify(cart)); }

  function add(index) {
    cart.push(index);
    save();
    netiv.product_added(product(index));
    location.hash = "#/cart";
  }

  function buy() {
    var id = "demo-" + Date.now();
    var order = {
      id: id,
      value: cart.reduce(function (sum, index) { return sum + PRICES[index]; }, 0),
      currency: "ILS",
      items: cart.map(product),
    };
    netiv.order_completed(order);
    cart = [];
    save();
    location.hash = "#/thanks/" + id;
  }

  function home() {
    var grid = make("div", "grid");
    words.products.forEach(function (name, index) {
      var card = make("a", "card");
      card.href = "#/product/" + index;
      var line = make("div", "row");
      line.append(make("h3", "", name), priced(PRICES[index]));
      card.append(make("div", "picture p" + index), line);
      grid.append(card);
    });
    return [grid];
  }

  function detail(index) {
    var panel = make("div", "panel");
    var bar = make("div", "bar");
    bar.append(priced(PRICES[index]), button(words.add, function () { add(index); }, true));
    panel.append(make("div", "picture p" + index), make("h3", "", words.products[index]), bar, backHome());
    netiv.product_viewed(product(index));
    return [panel];
  }

  function backHome() {
    var link = make("a", "", words.back);
    link.href = "#/";
    return link;
  }

  function basket() {
    var panel = make("div", "panel");
    var list = make("ul");
    cart.forEach(function (index) {
      var line = make("li", "row bar");
      line.append(make("span", "", words.products[index]), priced(PRICES[index]));
      list.append(line);
    });
    var total = cart.reduce(function (sum, index) { return sum + PRICES[index]; }, 0);
    var bar = make("div", "bar");
    bar.append(make("strong", "", words.total + ": " + total + " ₪"), button(words.buy, buy, true));
    panel.append(make("h3", "", words.cart), cart.length ? list : make("p", "empty", words.empty));
    if (cart.length) panel.append(bar);
    panel.append(backHome());
    netiv.cart_viewed({ items: cart.length });
    return [panel];
  }

  function thanks(id) {
    var panel = make("div", "panel");
    panel.append(make("h3", "", words.thanks + " " + id), backHome());
    return [panel];
  }

  function show() {
    var parts = location.hash.split("/");
    var index = +parts[2];
    var view = parts[1] === "product" && PRICES[index] ? detail(index)
      : parts[1] === "cart" ? basket()
      : parts[1] === "thanks" ? thanks(decodeURIComponent(parts[2] || ""))
      : home();
    Live.replace("view", view);
  }

  function showUser(user) {
    document.getElementById("who").textContent = user ? words.who : words.anonymous;
    document.getElementById("login").hidden = !!user;
    document.getElementById("logout").hidden = !user;
    sessionStorage.setItem("demo_user", user);
  }

  function start() {
    netiv.on("sent", function (verdict, event) { Live.showEvent(words, verdict, event); });
    netiv.on("dropped", function (verdict, event) { Live.showEvent(words, verdict, event); });
    Live.replace("arrivals", words.arrivals.map(function (text, index) {
      var link = make("a", "", text);
      link.href = address(ARRIVALS[index]);
      return link;
    }));
    Live.replace("touches", words.touches.map(function (text, index) {
      return button(text, function () { netiv.touch(TOUCHES[index]); });
    }));
    document.getElementById("login").addEventListener("click", function () {
      netiv.identify({ user_id: "demo-dana", email: "dana@example.com" });
      showUser("dana");
    });
    document.getElementById("logout").addEventListener("click", function () { netiv.reset(); showUser(""); });
    showUser(sessionStorage.getItem("demo_user") || "");
    addEventListener("hashchange", show);
    show();
    Live.watch(words);
  }

  var sdk = document.createElement("script");
  sdk.src = "netiv.js";
  sdk.dataset.key = key;
  sdk.addEventListener("load", start);
  sdk.addEventListener("error", function () {
    var notice = document.getElementById("notice");
    notice.textContent = words.noSdk;
    notice.hidden = false;
  });
  document.head.append(sdk);
})();

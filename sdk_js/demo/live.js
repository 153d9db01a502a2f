/** What Netiv sees: events with their verdicts as they happen, then session and path as they are derived. Text only, never markup. */
"use strict";
var Live = (function () {
  var POLL_MS = 1500;

  function make(tag, className, text) {
    var element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined && text !== null) element.textContent = String(text);
    return element;
  }

  function replace(id, children) {
    document.getElementById(id).replaceChildren.apply(document.getElementById(id), children);
  }

  function detail(event) {
    var context = event.context || {};
    var parts = [];
    if (event.type === "page") parts.push(decodeURI(new URL(context.url).hash || "/"));
    if (event.touch) parts.push(event.touch.channel);
    if (event.order) parts.push(event.order.id + ", " + event.order.value + " " + event.order.currency);
    if (event.properties && event.properties.product) parts.push(event.properties.product);
    if (context.campaign) parts.push([context.campaign.source, context.campaign.name].filter(Boolean).join(" / "));
    // each part keeps its own direction, whatever stands around it
    var line = make("small");
    parts.forEach(function (part, index) { line.append(index ? " · " : "", make("bdi", "", part)); });
    return line;
  }

  function showEvent(words, verdict, event) {
    var item = make("li");
    var when = new Date(event.created_at || Date.now());
    var what = make("div");
    what.append(make("b", "", event.name || event.type), detail(event));
    var mark = make("span", "verdict " + verdict.status, words[verdict.status] + (verdict.code ? ": " + verdict.code : ""));
    item.append(make("time", "", when.toLocaleTimeString("en-GB")), what, mark);
    document.getElementById("events").prepend(item);
    document.getElementById("count").textContent = document.getElementById("events").children.length;
  }

  function small(text) {
    var line = make("small");
    line.append(make("bdi", "", text));
    return line;
  }

  function step(touch, last) {
    var box = make("span", last ? "step end" : "step", touch.channel);
    if (touch.campaign || touch.source) box.append(small(touch.campaign || touch.source));
    return box;
  }

  function row(steps) {
    var line = make("div", "steps");
    steps.forEach(function (each, index) {
      if (index) line.append(make("span", "arrow"));
      line.append(each);
    });
    return line;
  }

  function showPath(words, seen) {
    var rows = (seen.conversions || []).map(function (conversion) {
      var steps = (conversion.path_channels || []).map(function (channel, index) {
        return step({ channel: channel, campaign: (conversion.path_campaigns || [])[index] });
      });
      return row(steps.concat(step({ channel: conversion.name, campaign: conversion.value + " " + conversion.currency }, true)));
    });
    var open = (seen.touchpoints || []).map(function (touch) { return step(touch); });
    if (!rows.length && open.length) rows.push(row(open));
    replace("path", rows.length ? rows : [make("p", "empty", words.none)]);
  }

  function showSession(words, seen) {
    var session = (seen.sessions || []).slice(-1)[0];
    if (!session) return replace("session", [make("p", "empty", words.none)]);
    var list = make("dl");
    [["channel", session.channel], ["source", session.source], ["campaign", session.campaign], ["pages", session.pageviews],
     ["started", session.started_at], ["visitor", session.visitor_id]].forEach(function (pair) {
      if (!pair[1]) return;
      var value = make("dd");
      value.append(make("bdi", "", pair[1]));
      list.append(make("dt", "", words[pair[0]]), value);
    });
    replace("session", [list]);
  }

  function watch(words) {
    showPath(words, {});
    showSession(words, {});
    (function poll() {
      fetch("v1/demo/visitor/" + encodeURIComponent(window.netiv.visitorId()))
        .then(function (response) { return response.ok ? response.json() : {}; })
        .then(function (seen) { showPath(words, seen); showSession(words, seen); })
        .catch(function () { /* the collector is away: what is shown stays */ })
        .then(function () { setTimeout(poll, POLL_MS); });
    })();
  }

  return { make: make, replace: replace, showEvent: showEvent, watch: watch };
})();

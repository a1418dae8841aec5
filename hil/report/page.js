// SPDX-License-Identifier: Apache-2.0
// Zoom, crosshair, filter and links of report.html. It draws what axis.py, plot.py and rows.py
// draw, with the same classes, for any part of the time axis and at the width of the window.
"use strict";
(() => {
const LEFT = 132, RIGHT = 14, ROW = 20, CHAR = 6.2, GAP = 5, NAME = 20, CUT_LEAST = 5, LEAST_S = 0.2;
const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const text = value => String(value).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const cut = (value, chars) => value.length <= chars ? value : value.slice(0, Math.max(chars - 1, 0)) + "…";

function number(value) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) < 1e-12) return "0";
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(4)));
}

function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find(m => m * power >= raw * 0.999) * power;
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({length: last - first + 1}, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// First index whose time is not before t.
function from(times, t) {
  let low = 0, high = times.length;
  while (low < high) { const middle = (low + high) >> 1; if (times[middle] < t) low = middle + 1; else high = middle; }
  return low;
}

async function unpack(base64) {
  const packed = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const sorted = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = sorted.length / 4, bytes = new Uint8Array(sorted.length);
  for (let place = 0; place < 4; place++)
    for (let i = 0, at = place * count; i < count; i++) bytes[4 * i + place] = sorted[at + i];
  const view = new DataView(bytes.buffer), out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = view.getFloat32(4 * i, true);
  return out;
}

class Stack {
  constructor(node) {
    this.node = node;
    this.key = node.dataset.key;
    this.section = node.parentElement;
    this.figures = all("figure", node);
    this.axis = find(".axis", node);
    this.cross = find(".cross", node);
    this.marked = find(".select", node);
    this.output = find(".tools output", this.section);
    this.ready = this.load();
  }

  async load() {
    const data = this.data = JSON.parse(find("script[type='application/json']", this.section).textContent);
    const numbers = await unpack(data.z), n = data.n;
    this.times = numbers.subarray(0, n);
    let at = n;
    for (const lane of data.lanes)
      lane.lines = (lane.series || []).map(() => {
        const low = numbers.subarray(at, at += n);
        return data.reduced ? [low, numbers.subarray(at, at += n)] : [low, low];
      });
    this.a = 0;
    this.b = data.end;
    this.listen();
    this.node.classList.add("live");
    find(".tools", this.section).hidden = false;
    this.show(0, data.end, false);
  }

  listen() {
    const node = this.node;
    node.removeAttribute("title");
    new ResizeObserver(() => this.redraw()).observe(node);
    addEventListener("scroll", () => this.redraw(false), {passive: true});
    node.addEventListener("pointermove", event => this.point(event));
    node.addEventListener("pointerleave", () => this.unpoint());
    node.addEventListener("pointerdown", event => this.grab(event));
    node.addEventListener("dblclick", () => this.show(0, this.data.end));
    node.addEventListener("wheel", event => this.wheel(event), {passive: false});
    node.addEventListener("keydown", event => this.type(event));
    for (const button of all(".zoom button", this.section))
      button.addEventListener("click", () => this.act(button.dataset.do));
    for (const box of all(".tools input", this.section))
      box.addEventListener("change", () => this.toggle(box.dataset.group, box.checked));
  }

  toggle(group, shown) {
    for (const figure of this.figures) if (figure.dataset.group === group) figure.hidden = !shown;
    this.redraw();
  }

  act(what) {
    const {a, b} = this, span = b - a, middle = (a + b) / 2;
    if (what === "in") this.show(middle - span / 4, middle + span / 4);
    else if (what === "out") this.show(middle - span, middle + span);
    else if (what === "left") this.show(a - span / 5, b - span / 5);
    else if (what === "right") this.show(a + span / 5, b + span / 5);
    else this.show(0, this.data.end);
  }

  type(event) {
    const what = {"+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all",
      Home: "all", Escape: "all"}[event.key];
    if (!what || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.act(what);
  }

  // Show [a, b] s; a range beyond an end is moved inside, one too narrow is widened.
  show(a, b, tell = true) {
    const end = this.data.end, span = clamp(b - a, Math.min(LEAST_S, end), end);
    const begin = clamp((a + b - span) / 2, 0, end - span);
    this.a = begin;
    this.b = begin + span;
    this.node.dataset.from = this.a.toFixed(2);
    this.node.dataset.to = this.b.toFixed(2);
    this.output.textContent = `${number(this.a)} to ${number(this.b)} s`;
    this.redraw();
    if (!tell) return;
    clearTimeout(this.telling);
    const whole = span >= end;
    this.telling = setTimeout(() => {
      const range = whole ? "" : `&from=${Number(this.a.toFixed(2))}&to=${Number(this.b.toFixed(2))}`;
      try { history.replaceState(null, "", `#${encodeURI(this.key)}${range}`); } catch { /* a sandbox */ }
    }, 150);
  }

  // `stale`: everything; otherwise only what has come into view since.
  redraw(stale = true) {
    if (stale) for (const figure of this.figures) figure.dataset.stale = "1";
    if (stale) this.axisStale = true;
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      if (!this.node.clientWidth) return;
      this.width = this.node.clientWidth;
      if (this.axisStale) this.drawAxis();
      this.axisStale = false;
      this.figures.forEach((figure, i) => {
        if (!figure.dataset.stale || figure.hidden) return;
        const box = figure.getBoundingClientRect();
        if (box.bottom < -400 || box.top > innerHeight + 400) return;
        delete figure.dataset.stale;
        const lane = this.data.lanes[i];
        this.put(find("svg", figure), lane.h, lane.rows ? this.rows(lane) : this.lines(lane));
      });
      this.node.dataset.drawn = `${this.a.toFixed(2)} ${this.b.toFixed(2)}`;
    });
  }

  put(svg, height, parts) {
    svg.setAttribute("viewBox", `0 0 ${this.width} ${height}`);
    svg.style.height = height + "px";
    svg.innerHTML = parts;
  }

  x(t) { return LEFT + (this.width - LEFT - RIGHT) * (t - this.a) / (this.b - this.a); }

  time(clientX) {
    const box = this.node.getBoundingClientRect();
    return this.a + (clientX - box.left - LEFT) / (box.width - LEFT - RIGHT) * (this.b - this.a);
  }

  inside(t) { return t >= this.a && t <= this.b; }

  drawAxis() {
    let out = "";
    for (const t of ticks(this.a, this.b, 10)) {
      const x = this.x(t);
      out += `<text class="tick" x="${x.toFixed(1)}" y="12">${t} s</text>`;
    }
    for (const [t, name] of this.data.fails) if (this.inside(t)) {
      out += `<path class="failhead" d="M${this.x(t).toFixed(1)} 20l-4 -6h8z"><title>${t} s: ${text(name)}</title></path>`;
    }
    this.put(find("svg", this.axis), 20, out);
  }

  background(height) {
    const right = this.width - RIGHT;
    let out = `<rect class="panel" x="${LEFT}" width="${right - LEFT}" height="${height}"/>`;
    for (const [a, b] of this.data.shades) if (b >= this.a && a <= this.b) {
      const x = Math.max(this.x(a), LEFT), end = Math.min(this.x(b), right);
      out += `<rect class="shade" x="${x.toFixed(1)}" width="${Math.max(end - x, 1).toFixed(1)}" height="${height}"/>`;
    }
    for (const t of ticks(this.a, this.b, 10)) {
      const x = this.x(t).toFixed(1);
      out += `<line class="grid" x1="${x}" x2="${x}" y1="0" y2="${height}"/>`;
    }
    return out;
  }

  fails(height) {
    let out = "";
    for (const [t, name] of this.data.fails) if (this.inside(t)) {
      const x = this.x(t).toFixed(1);
      out += `<line class="fail" x1="${x}" x2="${x}" y1="0" y2="${height}"><title>${t} s: ${text(name)}</title></line>`;
    }
    return out;
  }

  scale(lane, first, last) {
    let low = Infinity, high = -Infinity;
    for (const [lows, highs] of lane.lines)
      for (let i = first; i < last; i++) {
        if (lows[i] < low && Number.isFinite(lows[i])) low = lows[i];
        if (highs[i] > high && Number.isFinite(highs[i])) high = highs[i];
      }
    for (const [, , value] of lane.levels) { low = Math.min(low, value); high = Math.max(high, value); }
    if (!Number.isFinite(low)) low = high = 0;
    if (lane.low !== null) low = lane.low;
    if (lane.high !== null) high = lane.high;
    if (high <= low) high = low + Math.max(1, Math.abs(low) * 1e-3);
    const pad = lane.log ? 0 : 0.06 * (high - low);
    if (lane.low === null) low -= pad;
    if (lane.high === null) high += pad;
    const height = lane.h;
    const y = lane.log
      ? v => height * (1 - Math.log(clamp(v, low, high) / low) / Math.log(high / low))
      : v => height * (1 - (clamp(v, low, high) - low) / (high - low));
    const marks = lane.log
      ? Array.from({length: Math.floor(Math.log10(high)) - Math.ceil(Math.log10(low)) + 1},
          (_, i) => 10 ** (Math.ceil(Math.log10(low)) + i))
      : ticks(low, high, height >= 100 ? 4 : 2);
    return {y, marks};
  }

  lines(lane) {
    const first = Math.max(from(this.times, this.a) - 1, 0);
    const last = Math.min(from(this.times, this.b) + 1, this.times.length);
    const {y, marks} = lane.scale = this.scale(lane, first, last);
    const right = this.width - RIGHT;
    let out = this.background(lane.h);
    for (const value of marks) {
      const at = y(value);
      out += `<line class="grid" x1="${LEFT}" x2="${right}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/>` +
        `<text class="value" x="${LEFT - 6}" y="${clamp(at + 3.5, 9, lane.h - 1).toFixed(1)}">${number(value)}</text>`;
    }
    let labels = "";
    for (const [label, css, value] of lane.levels) {
      const at = y(value);
      out += `<line class="level ${css}" x1="${LEFT}" x2="${right}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/>`;
      labels += `<text class="leveltext" x="${right - 4}" y="${Math.max(at - 3, 9).toFixed(1)}">` +
        `${text(label)} ${number(value)} ${text(lane.unit)}</text>`;
    }
    lane.lines.forEach((line, i) => {
      const css = lane.series[i][1] + (lane.hot === i ? " hot" : "");
      out += `<path class="line ${css}" d="${this.path(line, first, last, y, lane.lines.length > 8)}"/>`;
    });
    return out + labels + this.fails(lane.h);
  }

  // One column a pixel at most, a third of them if lines are many; each keeps its extremes. A gap
  // lifts the pen.
  path([lows, highs], first, last, y, many) {
    const pixels = (this.width - LEFT - RIGHT) / (many ? 3 : 1);
    const step = Math.max(1, Math.floor((last - first) / pixels));
    let out = "", pen = false, before = "";
    for (let i = first; i < last; i += step) {
      let low = Infinity, high = -Infinity;
      for (let j = i; j < Math.min(i + step, last); j++) {
        if (lows[j] < low) low = lows[j];
        if (highs[j] > high) high = highs[j];
      }
      if (!Number.isFinite(low) || !Number.isFinite(high)) { pen = false; continue; }
      const middle = this.times[Math.min(i + (step >> 1), last - 1)];
      const x = clamp(this.x(middle), LEFT - 0.5, this.width - RIGHT + 0.5).toFixed(1);
      let near = y(high).toFixed(1), far = y(low).toFixed(1);
      if (pen && Math.abs(far - before) < Math.abs(near - before)) [near, far] = [far, near];
      out += pen ? (near === before ? `H${x}` : `L${x} ${near}`) : `M${x} ${near}h.5`;
      if (far !== near) out += `V${far}`;
      before = far;
      pen = true;
    }
    return out;
  }

  rows(lane) {
    const right = this.width - RIGHT;
    let out = this.background(lane.h), words = "", marks = "";
    lane.rows.forEach(([name, spans, points], place) => {
      const top = ROW * place, last = {};
      out += `<text class="value" x="${LEFT - 6}" y="${top + 13.5}">${text(cut(name, NAME))}<title>${text(name)}</title></text>`;
      spans.forEach(([a, b, css, label], i) => {
        if (b < this.a || a > this.b) return;
        const x = Math.max(this.x(a), LEFT), width = Math.max(Math.min(this.x(b), right) - x, 2);
        out += `<g class="span ${css}"><rect x="${x.toFixed(1)}" y="${top + 2}" width="${width.toFixed(1)}" height="${ROW - 4}"/>` +
          `<title>${a.toFixed(1)} to ${b.toFixed(1)} s: ${text(label)}</title></g>`;
        words += this.word(label, css, x, width, top, i === spans.length - 1 ? right : 0);
      });
      for (const [t, css, label] of points) {
        if (!this.inside(t)) continue;
        const x = this.x(t);
        if (x - (last[css] ?? -GAP) < GAP) continue;
        last[css] = x;
        marks += `<circle class="mark ${css}" cx="${x.toFixed(1)}" cy="${top + ROW / 2}" r="4"><title>${t.toFixed(1)} s: ${text(label)}</title></circle>`;
      }
    });
    return out + this.fails(lane.h) + words + marks;
  }

  // The text of a span: inside it, or behind it if nothing else follows and there is room.
  word(label, css, x, width, top, free) {
    const room = Math.floor((width - 10) / CHAR), behind = Math.floor((free - x - width - 8) / CHAR);
    const outside = label.length > room && behind > room;
    const shown = cut(label, outside ? behind : room);
    if (!shown || (shown.length < CUT_LEAST && shown !== label)) return "";
    const at = (outside ? x + width + 5 : x + 7).toFixed(1);
    return `<text class="${outside ? "in beside" : "in " + css}" x="${at}" y="${top + 14}">${text(shown)}</text>`;
  }

  grab(event) {
    if (event.button !== 0 || event.target.closest("a, button")) return;
    const node = this.node, pan = !!event.target.closest(".axis"), start = event.clientX, {a, b} = this;
    const box = node.getBoundingClientRect();
    if (start < box.left + LEFT) return;
    const begin = this.time(start);
    node.focus({preventScroll: true});
    node.setPointerCapture(event.pointerId);
    const move = now => {
      if (pan) {
        const shift = (start - now.clientX) / (box.width - LEFT - RIGHT) * (b - a);
        return this.show(a + shift, b + shift);
      }
      const left = clamp(Math.min(start, now.clientX) - box.left, LEFT, box.width - RIGHT);
      const right = clamp(Math.max(start, now.clientX) - box.left, LEFT, box.width - RIGHT);
      Object.assign(this.marked.style, {display: "block", left: left + "px", width: right - left + "px"});
    };
    const drop = now => {
      node.removeEventListener("pointermove", move);
      this.marked.style.display = "none";
      if (now.type !== "pointerup" || pan || Math.abs(now.clientX - start) < 5) return;
      const end = this.time(now.clientX);
      this.show(Math.max(Math.min(begin, end), a), Math.min(Math.max(begin, end), b));
    };
    node.addEventListener("pointermove", move);
    node.addEventListener("pointerup", drop, {once: true});
    node.addEventListener("pointercancel", drop, {once: true});
  }

  wheel(event) {
    if (!event.target.closest(".axis") && !event.ctrlKey && !event.shiftKey) return;
    event.preventDefault();
    const t = clamp(this.time(event.clientX), this.a, this.b);
    const by = Math.exp(clamp(event.deltaY || event.deltaX, -200, 200) * 0.0025);
    this.show(t - (t - this.a) * by, t + (this.b - t) * by);
  }

  point(event) {
    const t = this.time(event.clientX);
    if (!this.inside(t)) return this.unpoint();
    const box = this.node.getBoundingClientRect();
    Object.assign(this.cross.style, {display: "block", left: event.clientX - box.left + "px"});
    this.output.textContent = `at ${t.toFixed(2)} s`;
    const row = clamp(from(this.times, t), 0, this.times.length - 1);
    const under = event.target.closest("figure");
    this.figures.forEach((figure, i) => {
      const lane = this.data.lanes[i];
      if (figure.hidden) return;
      if (lane.rows || find(".many", figure)) this.read(figure, lane, figure === under ? event : null, t, row);
      else all(".key i", figure).forEach((slot, k) => { slot.textContent = this.value(lane.lines[k], row); });
    });
  }

  value([lows, highs], row) {
    const low = number(lows[row]), high = number(highs[row]);
    return low === high ? low : `${low}…${high}`;
  }

  // What is under the pointer: the nearest of many lines, or the span or mark of a row.
  read(figure, lane, event, t, row) {
    const slot = find(".read", figure);
    let words = "";
    if (event) {
      const box = find("svg", figure).getBoundingClientRect(), y = event.clientY - box.top;
      words = lane.rows ? this.readRow(lane, y, t) : this.nearest(figure, lane, y, row);
    }
    if (slot.textContent !== words) slot.textContent = words;
  }

  readRow(lane, y, t) {
    const [name, spans, points] = lane.rows[clamp(Math.floor(y / ROW), 0, lane.rows.length - 1)];
    const near = (this.b - this.a) * 6 / this.width;
    const hit = points.find(([at]) => Math.abs(at - t) <= near);
    if (hit) return `${name}: ${hit[0].toFixed(1)} s ${hit[2]}`;
    const span = spans.find(([a, b]) => a <= t && t <= b);
    return span && span[3] ? `${name}: ${span[3]} (${span[0].toFixed(1)} to ${span[1].toFixed(1)} s)` : name;
  }

  nearest(figure, lane, y, row) {
    let best = -1, distance = Infinity;
    lane.lines.forEach(([lows], i) => {
      const away = Math.abs(lane.scale.y(lows[row]) - y);
      if (away < distance) { distance = away; best = i; }
    });
    if (best < 0) return "";
    if (lane.hot !== best) {
      all("path.line", figure).forEach((path, i) => path.classList.toggle("hot", i === best));
      lane.hot = best;
    }
    return `${lane.series[best][0]} ${this.value(lane.lines[best], row)}`;
  }

  unpoint() {
    this.cross.style.display = "none";
    this.output.textContent = `${number(this.a)} to ${number(this.b)} s`;
    for (const slot of all(".key i, .read", this.node)) slot.textContent = "";
  }
}

const stacks = new Map();
function open(section) {
  const node = find(".stack", section);
  if (!node) return null;
  if (!stacks.has(node)) stacks.set(node, new Stack(node));
  return stacks.get(node);
}

// #CASE or #CASE&from=10&to=20, seconds; CASE is an id or the name of a case.
async function follow() {
  let hash = location.hash.slice(1);
  try { hash = decodeURIComponent(hash); } catch { /* as it is */ }
  const [key, ...rest] = hash.split("&");
  if (!key) return;
  const section = document.getElementById(key) || all("details.run").find(each => each.dataset.case === key);
  if (!section || section.tagName !== "DETAILS") return;
  section.open = true;
  section.hidden = false;
  const range = Object.fromEntries(rest.map(pair => pair.split("=")));
  const stack = open(section);
  if (stack && range.from !== undefined && range.to !== undefined) {
    await stack.ready;
    const a = Number(range.from), b = Number(range.to);
    if (Number.isFinite(a) && Number.isFinite(b) && b > a) stack.show(a, b, false);
    find(".tools", section).scrollIntoView();
  } else section.scrollIntoView();
  document.documentElement.dataset.followed = hash;
}

function filter() {
  const shown = new Set(all(".filter input[data-verdict]").filter(box => box.checked).map(box => box.dataset.verdict));
  const word = find(".filter input[type=search]").value.trim().toLowerCase();
  for (const each of all("[data-verdict][data-case]"))
    each.hidden = !shown.has(each.dataset.verdict) || !each.dataset.case.toLowerCase().includes(word);
}

for (const section of all("details.run")) {
  if (section.open) open(section);
  section.addEventListener("toggle", () => section.open && open(section));
}
const bar = find(".filter");
bar.hidden = all("details.run").length < 2;
bar.addEventListener("input", filter);
for (const button of all("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = find("code", button.parentElement);
    try { await navigator.clipboard.writeText(code.textContent); button.textContent = "copied"; }
    catch { getSelection().selectAllChildren(code); button.textContent = "selected"; }
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}
addEventListener("hashchange", follow);
follow().finally(() => { document.documentElement.dataset.ready = all("details.run").length; });
})();

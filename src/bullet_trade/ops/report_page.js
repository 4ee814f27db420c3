"use strict";

function data(id) {
  const element = document.getElementById(id);
  return element === null ? null : JSON.parse(element.textContent);
}

// Whole units with `places` digits after the point and thousands separators; exact, because it never divides.
function fixed(units, places) {
  const digits = String(Math.abs(units)).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, ",");
  return (units < 0 ? "-" : "") + whole + (places ? "." + digits.slice(-places) : "");
}

function drawCharts() {
  const item = data("charts-data");
  if (item === null) return;
  Bokeh.embed.embed_item(item);
  const buttons = [...document.querySelectorAll("button[data-days]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const range = Bokeh.documents[0].get_model_by_name("sessions");
      const first = Number(button.dataset.first), last = Number(button.dataset.last);
      const days = Number(button.dataset.days);
      range.setv({ start: days ? Math.max(first, last - days * 86400000) : first, end: last });
      buttons.forEach((other) => other.classList.toggle("on", other === button));
    });
  }
}

function showTrades() {
  const rows = data("trades-data");
  if (rows === null) return;
  const pageLength = 50;
  const body = document.querySelector("#trades tbody");
  const heads = [...document.querySelectorAll("#trades th")];
  const search = document.getElementById("search");
  const previous = document.getElementById("previous"), next = document.getElementById("next");
  const position = document.getElementById("position");
  const texts = rows.map((row) => row.slice(0, 4).join(" ").toLowerCase());
  const shown = { order: rows.map((_, index) => index), page: 0, column: 0, ascending: true };

  function cell(row, column) {
    const td = document.createElement("td");
    const value = row[column];
    td.textContent = value === null ? "—" : typeof value === "number"
      ? (column === 8 && value > 0 ? "+" : "") + fixed(value, Number(heads[column].dataset.places)) : value;
    if (heads[column].dataset.places !== undefined) td.className = "number";
    if (column === 3) td.className = value === "买入" ? "gain" : "loss";
    if (column === 8 && value) td.className = value > 0 ? "number gain" : "number loss";
    return td;
  }

  function draw() {
    const pages = Math.max(1, Math.ceil(shown.order.length / pageLength));
    shown.page = Math.min(Math.max(shown.page, 0), pages - 1);
    const start = shown.page * pageLength;
    body.replaceChildren(...shown.order.slice(start, start + pageLength).map((index) => {
      const tr = document.createElement("tr");
      tr.append(...heads.map((_, column) => cell(rows[index], column)));
      return tr;
    }));
    position.textContent = `第 ${shown.page + 1} / ${pages} 页，共 ${shown.order.length} 笔`;
    previous.disabled = shown.page === 0;
    next.disabled = shown.page === pages - 1;
  }

  function arrange() {
    const words = search.value.trim().toLowerCase().split(/\s+/);
    const { column, ascending } = shown;
    const sign = ascending ? 1 : -1;
    shown.order = rows.map((_, index) => index).filter((index) => words.every((word) => texts[index].includes(word)));
    shown.order.sort((left, right) => {
      const a = rows[left][column], b = rows[right][column];
      if (a === b) return left - right;
      if (a === null || b === null) return a === null ? 1 : -1;  // what has no value stays at the end
      return a < b ? -sign : sign;
    });
    shown.page = 0;
    draw();
  }

  function sortBy(column) {
    shown.ascending = shown.column === column ? !shown.ascending : column < 4;
    shown.column = column;
    heads.forEach((head, index) => {
      if (index === column) head.setAttribute("aria-sort", shown.ascending ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    arrange();
  }

  heads.forEach((head, column) => {
    head.addEventListener("click", () => sortBy(column));
    head.addEventListener("keydown", (event) => { if (event.key === "Enter") sortBy(column); });
  });
  search.addEventListener("input", arrange);
  previous.addEventListener("click", () => { shown.page -= 1; draw(); });
  next.addEventListener("click", () => { shown.page += 1; draw(); });
  draw();
}

showTrades();
drawCharts();

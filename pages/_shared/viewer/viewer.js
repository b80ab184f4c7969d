// Draws what Python sends and reports one thing back: which box was chosen. It is called again with every change, so all
// that it makes is made once and then brought up to date.

const SVG = "http://www.w3.org/2000/svg"
const TALLEST = 760
const instances = new WeakMap()

export default function (component) {
  const root = component.parentElement.querySelector(".viewer")
  let view = instances.get(root)
  if (!view) {
    view = build(root)
    instances.set(root, view)
  }
  view.data = component.data
  view.choose = (id) => component.setTriggerValue("box", id)
  update(view)
  return () => {
    view.observer.disconnect()
    document.removeEventListener("keydown", view.escape)
    instances.delete(root)
  }
}

function element(parent, tag, className) {
  const made = document.createElement(tag)
  made.className = className
  parent.append(made)
  return made
}

function build(root) {
  root.replaceChildren()
  const view = { root, boxes: new Map(), drawn: "" }
  view.stage = element(root, "div", "stage")
  view.image = element(view.stage, "img", "picture")
  view.image.draggable = false
  view.canvas = element(view.stage, "canvas", "heat")
  view.canvas.setAttribute("aria-hidden", "true")
  view.svg = document.createElementNS(SVG, "svg")
  view.svg.setAttribute("viewBox", "0 0 1 1")
  view.svg.setAttribute("preserveAspectRatio", "none")
  view.query = document.createElementNS(SVG, "path")
  view.query.setAttribute("class", "query")
  view.svg.append(view.query)
  view.stage.append(view.svg)
  view.name = element(view.stage, "div", "name")
  view.lost = element(view.stage, "div", "lost")
  view.lost.textContent = "The picture is missing from the store; the map is drawn on grey."
  view.legend = element(root, "div", "legend")
  const title = element(view.legend, "div", "title")
  view.title = element(title, "span", "words")
  view.back = element(title, "button", "back")
  view.back.type = "button"
  view.back.textContent = "Back to the map (Esc)"
  view.low = element(view.legend, "span", "end low")
  view.bar = element(view.legend, "div", "bar")
  view.high = element(view.legend, "span", "end high")
  view.reading = element(view.legend, "div", "reading")

  view.back.onclick = () => view.choose("")
  view.image.onerror = () => lose(view, true)
  view.image.onload = () => lose(view, false)
  // Wherever the focus is, unless something nearer wants the key: a list that is open, a field that is typed in.
  view.escape = (event) => {
    const busy = event.defaultPrevented || event.target.closest?.("input, textarea, [role=listbox], [role=dialog]")
    if (event.key === "Escape" && view.data.selected && !busy) {
      event.preventDefault()
      view.choose("")
    }
  }
  document.addEventListener("keydown", view.escape)
  view.stage.onpointermove = (event) => read(view, event)
  view.stage.onpointerleave = () => (view.reading.textContent = "")
  view.observer = new ResizeObserver(() => paint(view))
  view.observer.observe(view.stage)
  return view
}

function lose(view, lost) {
  view.image.hidden = lost
  view.lost.hidden = !lost
}

function update(view) {
  const { picture, heat, boxes, selected } = view.data
  const widest = Math.round((TALLEST * picture.width) / picture.height)
  view.stage.style.aspectRatio = `${picture.width} / ${picture.height}`
  view.stage.style.maxWidth = view.legend.style.maxWidth = `${widest}px`
  view.image.alt = picture.description
  if (picture.address === null) {
    view.image.removeAttribute("src")
    lose(view, true)
  } else if (view.image.getAttribute("src") !== picture.address) {
    view.image.src = picture.address
  }

  view.legend.hidden = !heat
  view.reading.textContent = ""
  view.back.hidden = !selected
  view.title.textContent = heat ? heat.title : ""
  view.low.textContent = heat ? heat.low : ""
  view.high.textContent = heat ? heat.high : ""
  outlineQuery(view, heat)
  placeBoxes(view, boxes, selected)
  paint(view)
}

// Boxes: SVG rectangles over the picture, in the order in which they come; what a model should not look at is dashed.

function placeBoxes(view, boxes, selected) {
  const wanted = new Set(boxes.map((box) => box.id))
  for (const [id, made] of view.boxes) {
    if (!wanted.has(id)) {
      made.shadow.remove()
      made.rect.remove()
      view.boxes.delete(id)
    }
  }
  for (const box of boxes) {
    let made = view.boxes.get(box.id)
    if (!made) {
      made = addBox(view, box.id)
      view.boxes.set(box.id, made)
    }
    made.box = box
    for (const shape of [made.shadow, made.rect]) {
      for (const side of ["x", "y", "width", "height"]) shape.setAttribute(side, box[side])
      shape.classList.toggle("distractor", box.distractor)
    }
    made.rect.setAttribute("aria-label", [box.name, box.detail].filter(Boolean).join(", "))
    made.rect.setAttribute("aria-pressed", String(box.id === selected))
  }
  view.name.hidden = true
}

function addBox(view, id) {
  const shadow = document.createElementNS(SVG, "rect")
  const rect = document.createElementNS(SVG, "rect")
  shadow.setAttribute("class", "shadow")
  rect.setAttribute("class", "box")
  rect.setAttribute("tabindex", "0")
  rect.setAttribute("role", "button")
  rect.dataset.box = id
  const made = { shadow, rect, box: null }
  const toggle = () => view.choose(view.data.selected === id ? "" : id)
  rect.onclick = toggle
  rect.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault()
      toggle()
    }
  }
  const show = () => nameBox(view, made.box)
  const hide = () => (view.name.hidden = true)
  rect.onpointerenter = rect.onfocus = show
  rect.onpointerleave = rect.onblur = hide
  view.svg.append(shadow, rect)
  return made
}

function nameBox(view, box) {
  view.name.textContent = [box.name, box.detail].filter(Boolean).join(" · ")
  view.name.style.left = `${Math.min(box.x, 0.7) * 100}%`
  view.name.style.top = box.y > 0.08 ? "" : `${(box.y + box.height) * 100}%`
  view.name.style.bottom = box.y > 0.08 ? `${(1 - box.y) * 100}%` : ""
  view.name.hidden = false
}

// The cells that a similarity was asked from: a line wherever such a cell meets another kind.

function outlineQuery(view, heat) {
  if (!heat || !heat.query) {
    view.query.setAttribute("d", "")
    return
  }
  const { rows, columns, query, placement: p } = heat
  const asked = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns && query[row * columns + column]
  const x = (column) => (column / columns - p.offset_x) / p.scale_x
  const y = (row) => (row / rows - p.offset_y) / p.scale_y
  let path = ""
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      const here = asked(row, column)
      if (here !== asked(row - 1, column)) path += `M${x(column)} ${y(row)}H${x(column + 1)}`
      if (here !== asked(row, column - 1)) path += `M${x(column)} ${y(row)}V${y(row + 1)}`
    }
  }
  view.query.setAttribute("d", path)
}

// The map, at the resolution of the screen. ssl_attn/overlay.py draws the same picture for export and is its test.

function paint(view) {
  const { heat, drawing } = view.data
  const density = window.devicePixelRatio || 1
  const width = Math.round(view.stage.clientWidth * density)
  const height = Math.round(view.stage.clientHeight * density)
  if (!width || !height) return
  const canvas = view.canvas
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext("2d")
  if (!heat) return
  const table = bytes(drawing.table)
  view.bar.style.background = gradient(table)

  const { values, rows, columns, placement: p } = heat
  const xs = samples(width, p.scale_x, p.offset_x, columns)
  const ys = samples(height, p.scale_y, p.offset_y, rows)
  const [least, most] = heat.span
  const range = most - least
  const opacity = Math.round(drawing.opacity * 255)
  const selected = new Uint8Array(width * height)
  const picture = context.createImageData(width, height)
  const pixels = picture.data
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      if (!ys.visible[y] || !xs.visible[x]) {
        pixels[4 * at + 3] = Math.round(drawing.hidden_shade * 255)
        continue
      }
      const between = interpolate(values, columns, xs, ys, x, y)
      const value = drawing.smooth ? between : values[ys.cell[y] * columns + xs.cell[x]]
      const share = range > 0 ? Math.min(1, Math.max(0, (value - least) / range)) : 0
      const level = 3 * Math.round(share * 255)
      pixels[4 * at] = table[level]
      pixels[4 * at + 1] = table[level + 1]
      pixels[4 * at + 2] = table[level + 2]
      selected[at] = heat.cut === null || between >= heat.cut ? 1 : 0
      pixels[4 * at + 3] = drawing.threshold === "mask" && !selected[at] ? 0 : opacity
    }
  }
  if (drawing.threshold === "contour") contour(pixels, selected, width, height, Math.max(1, Math.round(density * 1.5)))
  context.putImageData(picture, 0, 0)
}

function interpolate(values, columns, xs, ys, x, y) {
  const [left, right, across] = [xs.lower[x], xs.upper[x], xs.share[x]]
  const above = ys.lower[y] * columns
  const below = ys.upper[y] * columns
  const down = ys.share[y]
  const top = values[above + left] * (1 - across) + values[above + right] * across
  const bottom = values[below + left] * (1 - across) + values[below + right] * across
  return top * (1 - down) + bottom * down
}

function samples(size, scale, offset, cells) {
  const made = {
    visible: new Uint8Array(size),
    cell: new Int32Array(size),
    lower: new Int32Array(size),
    upper: new Int32Array(size),
    share: new Float64Array(size),
  }
  for (let i = 0; i < size; i++) {
    const position = ((i + 0.5) / size) * scale + offset
    made.visible[i] = position >= 0 && position < 1 ? 1 : 0
    made.cell[i] = Math.min(cells - 1, Math.max(0, Math.floor(position * cells)))
    const centre = Math.min(cells - 1, Math.max(0, position * cells - 0.5))
    made.lower[i] = Math.floor(centre)
    made.upper[i] = Math.min(cells - 1, made.lower[i] + 1)
    made.share[i] = centre - made.lower[i]
  }
  return made
}

function contour(pixels, selected, width, height, thickness) {
  const outside = (x, y) => x < 0 || y < 0 || x >= width || y >= height || !selected[y * width + x]
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!selected[y * width + x]) continue
      for (let step = 1; step <= thickness; step++) {
        const inside = x >= step && y >= step && x < width - step && y < height - step
        if (inside && (outside(x - step, y) || outside(x + step, y) || outside(x, y - step) || outside(x, y + step))) {
          pixels.set([255, 255, 255, 255], 4 * (y * width + x))
          break
        }
      }
    }
  }
}

function bytes(hex) {
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16))
}

function gradient(table) {
  const stops = []
  for (let level = 0; level < 256; level += 15) stops.push(`rgb(${table.subarray(3 * level, 3 * level + 3).join(" ")})`)
  return `linear-gradient(to right, ${stops.join(", ")})`
}

function read(view, event) {
  const { heat } = view.data
  if (!heat) return
  const area = view.stage.getBoundingClientRect()
  const p = heat.placement
  const x = ((event.clientX - area.left) / area.width) * p.scale_x + p.offset_x
  const y = ((event.clientY - area.top) / area.height) * p.scale_y + p.offset_y
  if (x < 0 || x >= 1 || y < 0 || y >= 1) {
    view.reading.textContent = "the model did not see this part"
    return
  }
  const row = Math.floor(y * heat.rows)
  const column = Math.floor(x * heat.columns)
  const value = heat.values[row * heat.columns + column]
  view.reading.textContent = `row ${row}, column ${column}: ${value.toPrecision(3)}`
}

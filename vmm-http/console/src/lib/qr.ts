import qrcode from 'qrcode-generator';

/** Draws a QR code as the path of an SVG, one unit for each module. */
export function draw(content: string): { size: number; path: string } {
  // 0 is the smallest version that holds the content.
  const code = qrcode(0, 'M');
  code.addData(content);
  code.make();
  const size = code.getModuleCount();
  let path = '';
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (code.isDark(row, column)) path += `M${column} ${row}h1v1h-1z`;
    }
  }
  return { size, path };
}

#!/usr/bin/env python3
"""Draws face.png, so that the tour has a face that is nobody's. usage: draw_face.py OUT.png"""

import sys

from PIL import Image, ImageDraw, ImageFilter

HAIR, SKIN, LIGHT, SHADE = (60, 42, 32), (226, 182, 152), (238, 196, 168), (198, 150, 122)


def draw():
    picture = Image.new("RGB", (480, 560), (176, 196, 214))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((40, 430, 440, 760), fill=(70, 90, 130))  # shoulders
    pen.rectangle((195, 380, 285, 470), fill=(206, 160, 130))  # neck
    pen.ellipse((100, 50, 380, 400), fill=HAIR)
    pen.ellipse((125, 90, 355, 420), fill=SKIN)
    pen.pieslice((112, 55, 368, 270), 180, 360, fill=HAIR)
    pen.ellipse((140, 120, 340, 260), fill=SKIN)
    for cheek in ((150, 255, 225, 330), (255, 255, 330, 330), (222, 180, 258, 320)):
        pen.ellipse(cheek, fill=LIGHT)
    for x in (190, 290):
        pen.ellipse((x - 38, 208, x + 38, 258), fill=(178, 130, 104))
        pen.ellipse((x - 28, 218, x + 28, 250), fill=(245, 242, 238))
        pen.ellipse((x - 15, 218, x + 15, 250), fill=(70, 50, 38))
        pen.ellipse((x - 7, 226, x + 7, 242), fill=(12, 10, 10))
        pen.arc((x - 34, 212, x + 34, 262), 190, 350, fill=HAIR, width=5)
        pen.line([(x - 38, 200), (x - 10, 188), (x + 14, 188), (x + 38, 198)], fill=HAIR, width=11)
    pen.polygon([(240, 235), (216, 320), (264, 320)], fill=(232, 188, 160))
    pen.ellipse((212, 300, 268, 332), fill=(220, 172, 144))
    for nostril in ((220, 318, 234, 328), (246, 318, 260, 328)):
        pen.ellipse(nostril, fill=(130, 84, 68))
    pen.ellipse((188, 350, 292, 386), fill=(168, 78, 76))
    pen.rectangle((196, 364, 284, 370), fill=(110, 40, 44))
    pen.arc((150, 250, 330, 412), 40, 140, fill=SHADE, width=6)
    return picture.filter(ImageFilter.GaussianBlur(2.2))


draw().quantize(64).save(sys.argv[1], optimize=True)

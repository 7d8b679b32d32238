import io
import numpy as np
from PIL import Image
from fsr_jax.errors import InputError
def squeezed(blob, where, size):
  im = Image.open(io.BytesIO(blob)).convert("RGB")
  a = im.width / im.height
  return np.asarray(im.resize((size, size), Image.BILINEAR)), a
def centre(blob, where, size, resize):
  im = Image.open(io.BytesIO(blob)).convert("RGB")
  s = resize / min(im.size)
  im = im.resize((round(im.width*s), round(im.height*s)), Image.BILINEAR)
  l, t = (im.width-size)//2, (im.height-size)//2
  return np.asarray(im.crop((l,t,l+size,t+size))), 1.0

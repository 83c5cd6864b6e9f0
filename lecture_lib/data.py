"""MNIST, a stand-in for it that needs no network, and the two ways to make a likelihood of grey values honest."""

import gzip
from collections.abc import Sequence

import torch
from torch import Tensor

from lecture_lib import downloads

MIRRORS = downloads.MIRRORS
SPLITS = {"train": "train", "test": "t10k"}  # our name: the one in the file names


def mnist(
    split: str = "train", *, offline_fallback: bool = True, mirrors: Sequence[str] = MIRRORS, timeout: float = 10.0
) -> tuple[Tensor, Tensor]:
    """Images (N, 784) uint8 and labels (N,) int64 of MNIST: N = 60,000 for "train", 10,000 for "test".

    They come from `$LECTURE_LIB_DATA/mnist`, the user's cache, or the first of `mirrors` (addresses of folders) to send
    them; one is given up if nothing comes for `timeout` seconds, or after them less than `downloads.MIN_RATE` bytes per
    second. With none left, a printed line says so and `digits(split)` is returned; `offline_fallback=False` raises
    ConnectionError.
    """
    _check_split(split)
    if isinstance(mirrors, str):
        raise TypeError(f"mirrors must be a list of addresses, got the string {mirrors!r}; write [{mirrors!r}]")
    try:
        images = parse_idx(downloads.obtain(f"{SPLITS[split]}-images-idx3-ubyte.gz", mirrors, timeout), n_dims=3)
        labels = parse_idx(downloads.obtain(f"{SPLITS[split]}-labels-idx1-ubyte.gz", mirrors, timeout), n_dims=1)
        return images.flatten(1), labels.long()
    except ConnectionError as error:
        if not offline_fallback:
            raise
        reason, (images, labels) = str(error).splitlines()[0], digits(split)
        print(f"{reason}; using {len(images):,} {split} images of scikit-learn's 8 × 8 digits, enlarged to 28 × 28.")
        return images, labels


def digits(split: str = "train") -> tuple[Tensor, Tensor]:
    """Images (N, 784) uint8 and labels (N,) int64 of scikit-learn's digits: N = 1,500 for "train", 297 for "test".

    The 8 × 8 images are enlarged to 20 × 20 in a frame of 4 pixels: MNIST has the same. They are ordered by writer; a
    fixed permutation mixes them, so the splits share no image, but they share writers.
    """
    _check_split(split)
    from sklearn.datasets import load_digits  # slow to import, and MNIST does not need it

    source = load_digits()
    small = torch.tensor(source.images, dtype=torch.float32)[:, None] * (255 / 16)  # grey levels 0 to 16, (N, 1, 8, 8)
    large = torch.nn.functional.interpolate(small, size=(20, 20), mode="bicubic").clamp(0, 255)  # cubics overshoot
    images = torch.nn.functional.pad(large, (4, 4, 4, 4)).round().to(torch.uint8).flatten(1)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    rows = order[:1500] if split == "train" else order[1500:]
    return images[rows], torch.tensor(source.target)[rows].long()


def binarize(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Random 0. and 1., float32, P(1) = v / 255 for uint8 and v for floats in [0, 1], shape (...) -> (...).

    A Bernoulli density of grey pixels is no likelihood; drawing pixels anew for each batch makes it one (Salakhutdinov
    & Murray 2008). Thresholding makes another data set: its test digits score about 14 nats better. The `generator` is
    on the device of `images`. Floats are checked on the CPU only.
    """
    images = images if isinstance(images, Tensor) else torch.tensor(images)
    if images.dtype == torch.uint8:  # exact: of the 255 thresholds 0 to 254, v lie below v
        threshold = torch.randint(255, images.shape, dtype=torch.uint8, device=images.device, generator=generator)
    else:
        look = images.numel() and images.device.type == "cpu"  # elsewhere a look waits for all queued work
        low, high = images.detach().aminmax() if look else (0, 1)
        if not (images.is_floating_point() and low >= 0 and high <= 1):  # `not`, so that NaN fails as well
            raise ValueError(f"images must be uint8 or floats in [0, 1], got {images.dtype} from {low:g} to {high:g}")
        threshold = torch.rand(images.shape, dtype=torch.float32, device=images.device, generator=generator)  # [0, 1)
    return torch.lt(threshold, images, out=torch.empty_like(images, dtype=torch.float32))  # twice as fast as bernoulli


def dequantize(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """(v + noise) / 256 in [0, 1), noise uniform in [0, 1), for grey values v = 0 ... 255, shape (...) -> (...).

    Takes uint8, or floats v / 255 as training batches are. A density of the result bounds the probability of the grey
    values, see `likelihoods.dequantized_log_prob` (Uria, Murray & Larochelle 2013).
    """
    images = images if isinstance(images, Tensor) else torch.tensor(images)
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images holds {images.dtype}; it must be uint8 or floats in [0, 1]")
    values = images.float() if images.dtype == torch.uint8 else (images * 255).round()
    noise = torch.rand(values.shape, dtype=values.dtype, device=values.device, generator=generator)
    return (values + noise) / 256


def parse_idx(content: bytes, n_dims: int) -> Tensor:
    """The uint8 array of a gzip IDX file: magic number, `n_dims` sizes of 4 bytes, one byte per element."""
    raw = bytearray(gzip.decompress(content))  # a tensor wants writable memory
    magic, start = bytes([0, 0, 8, n_dims]), 4 + 4 * n_dims  # 8: unsigned bytes
    shape = torch.Size(int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4))
    if raw[:4] != magic or len(raw) != start + shape.numel():
        got = f"{len(raw)} bytes: {raw[:start].hex()}…"
        raise ValueError(f"content must be {magic.hex()}, {n_dims} sizes and the bytes they announce, got {got}")
    return torch.frombuffer(raw, dtype=torch.uint8, offset=start).reshape(shape)


def _check_split(split: str) -> None:
    if split not in tuple(SPLITS):
        raise ValueError(f'split must be "train" or "test", got {split!r}')

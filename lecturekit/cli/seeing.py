"""A trained network before pictures from outside: large ones are shrunk for it, labels translated."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST = 1600  # pixels; a network gets to see no longer side, or its masks would fill the memory


class Enlarged:
    """Masks [N,1,h,w] in 0..1, stored small and given one by one at the size [H,W] of their picture."""

    def __init__(self, masks: Tensor, size: tuple[int, int]):
        self.small = masks
        self.shape = (len(masks), 1, *size)

    def __len__(self) -> int:
        return len(self.small)

    def __iter__(self) -> Iterator[Tensor]:
        size = self.shape[2:]
        for mask in self.small:
            same = mask.shape[-2:] == size
            yield mask if same else F.interpolate(mask[None], size, mode="bilinear")[0]  # [1, H, W]


class Observer(nn.Module):
    """A detector for pictures of any size: `observer(images)` gives detections in each picture's own pixels.

    labels: the model's labels -> others; detections whose label isn't in it are left out. Without it labels
    stay as they are. Masks come as `Enlarged`.
    """

    def __init__(self, model: nn.Module, labels: dict[int, int] | None = None):
        super().__init__()
        self.model, self.labels = model, labels

    @torch.no_grad()
    def forward(self, images: list[Tensor]) -> list[dict]:
        return [self.see(image) for image in images]

    def see(self, image: Tensor) -> dict:
        size = tuple(image.shape[-2:])
        seen, factor = image, max(size) / LARGEST
        if factor > 1:
            smaller = [max(1, round(side / factor)) for side in size]
            seen = F.interpolate(image[None], smaller, mode="bilinear", antialias=True)[0]
        found = self.model([seen])[0]
        if self.labels is not None:
            labels = torch.tensor(
                [self.labels.get(k, 0) for k in found["labels"].tolist()], dtype=torch.int64
            )
            kept = (labels > 0).to(image.device)
            found = {name: value[kept] for name, value in found.items()} | {"labels": labels[labels > 0]}
        if factor > 1:
            scale = [size[1] / seen.shape[2], size[0] / seen.shape[1]] * 2
            found["boxes"] = found["boxes"] * found["boxes"].new_tensor(scale)
            if "keypoints" in found:
                found["keypoints"] = found["keypoints"] * found["keypoints"].new_tensor([*scale[:2], 1])
        found = {name: value.cpu() for name, value in found.items()}
        return found | ({"masks": Enlarged(found["masks"], size)} if "masks" in found else {})

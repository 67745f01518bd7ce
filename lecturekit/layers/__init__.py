"""What several papers share: blocks, backbones, pyramids, boxes, anchors, RoI pooling."""

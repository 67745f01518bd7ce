"""The claims of the lecture on conditional image generation, a file each; in the order of the lesson."""

from lecturekit.claims.cgan import averages, blur, cycle_loss, l1_and_gan, paired

CLAIMS = (averages.CLAIM, blur.CLAIM, l1_and_gan.CLAIM, cycle_loss.CLAIM, paired.CLAIM)

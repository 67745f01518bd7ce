"""Typical wrong answers of the Conditional GAN homework, each an edit of the solution, and their hints.

A `Mistake` replaces texts of a task's solution. `hint` stands in what the check
says to it, and in what it says to no other mistake of the task but those that name the same words.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    task: str
    name: str
    hint: str
    edits: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.task}-{self.name}".replace(" ", "_")


def edit(task: str, name: str, hint: str, *edits: tuple[str, str]) -> Mistake:
    return Mistake(task, name, hint, edits=edits)


TABLE = "self.table = nn.Embedding(classes, size)"
LOOKUP = "return self.table(y)"
EMBEDDING = (
    edit(
        "embedding",
        "one-hot of whole numbers",
        "whole numbers have no gradient",
        (TABLE, "self.classes = classes"),
        (LOOKUP, "return F.one_hot(y, self.classes)"),
    ),
    edit(
        "embedding",
        "one-hot alone",
        "one-hot rows alone are fixed",
        (TABLE, "self.classes = classes"),
        (LOOKUP, "return F.one_hot(y, self.classes).float()"),
    ),
    edit(
        "embedding",
        "one-hot of the largest label",
        "unless you say how many classes",
        (TABLE, "self.linear = nn.Linear(classes, size)"),
        (LOOKUP, "return self.linear(F.one_hot(y).float())"),
    ),
    edit(
        "embedding",
        "one-hot left long before the linear layer",
        "one-hot rows need .float()",
        (TABLE, "self.linear = nn.Linear(classes, size); self.classes = classes"),
        (LOOKUP, "return self.linear(F.one_hot(y, self.classes))"),
    ),
    edit(
        "embedding",
        "label as an amount",
        "a label is a name, not an amount",
        (TABLE, "self.linear = nn.Linear(1, size)"),
        (LOOKUP, "return self.linear(y.float()[:, None])"),
    ),
    edit(
        "embedding",
        "new vectors at each call",
        "draw the vectors once",
        (TABLE, "self.sizes = classes, size"),
        (LOOKUP, "return torch.randn(*self.sizes)[y]"),
    ),
    edit("embedding", "detached", "cuts the gradient off", (LOOKUP, "return self.table(y).detach()")),
    edit(
        "embedding",
        "fixed random vectors",
        "the vectors have to be learnt",
        (TABLE, "self.table = torch.randn(classes, size)"),
        (LOOKUP, "return self.table[y]"),
    ),
    edit(
        "embedding",
        "softmax over the batch",
        "no softmax, norm or mean may run over the batch",
        (LOOKUP, "return self.table(y).softmax(dim=0)"),
    ),
    edit(
        "embedding",
        "squeezed",
        "throws the batch away when B is 1",
        (LOOKUP, "return self.table(y).squeeze()"),
    ),
    edit(
        "embedding",
        "rows and columns exchanged",
        "nn.Embedding(classes, size), in this order",
        (TABLE, "self.table = nn.Embedding(5, classes + size)"),
    ),
    edit(
        "embedding",
        "a dimension in between",
        "no dimension in between",
        (LOOKUP, "return self.table(y[:, None])"),
    ),
    edit("embedding", "label ignored", "the label y has to decide", (LOOKUP, "return self.table(0 * y)")),
    edit("embedding", "no super().__init__()", "super().__init__()", ("super().__init__()\n", "\n")),
    edit("embedding", "no return", "without `return`", (LOOKUP, "self.table(y)")),
)

CAT = "torch.cat((z, self.condition(y)), dim=1)"
G_INPUTS = "nn.Linear(noise + 16, 128)"
GENERATOR = (
    edit(
        "generator",
        "condition forgotten",
        "the condition is forgotten",
        (CAT, "z"),
        (G_INPUTS, "nn.Linear(noise, 128)"),
    ),
    edit(
        "generator",
        "label multiplied by 0",
        "the condition is forgotten",
        ("self.condition(y)), dim=1", "0 * self.condition(y)), dim=1"),
    ),
    edit("generator", "concatenated along the batch", "samples are stacked on samples", (", dim=1)", ")")),
    edit(
        "generator",
        "concatenated along the batch, equal widths",
        "the batch became twice as long",
        (", dim=1)", ")"),
        ("Embedding(classes, 16)", "Embedding(classes, 32)"),
        ("noise + 16", "noise + 32"),
    ),
    edit(
        "generator",
        "rows mixed by a view",
        "row i of z and label i belong together",
        (CAT, "torch.cat((z, self.condition(y))).view(len(z), -1)"),
        ("Embedding(classes, 16)", "Embedding(classes, 32)"),
        ("noise + 16", "noise + 32"),
    ),
    edit(
        "generator",
        "label not embedded",
        "Send it through your Embedding first",
        ("self.condition(y)), dim", "y), dim"),
    ),
    edit(
        "generator",
        "noise forgotten",
        "the noise is forgotten",
        (CAT, "torch.cat((0 * z, self.condition(y)), dim=1)"),
    ),
    edit(
        "generator",
        "noise of its own",
        "forward draws noise of its own",
        (CAT, "torch.cat((z + torch.randn_like(z), self.condition(y)), dim=1)"),
    ),
    edit("generator", "no sigmoid", "the last layer's numbers are unbounded", (".sigmoid()", "")),
    edit("generator", "tanh", "tanh gives -1..1", (".sigmoid()", ".tanh()")),
    edit("generator", "pixels in 0..255", "not to 0..16 or 0..255", (".sigmoid()", ".sigmoid() * 255")),
    edit(
        "generator",
        "softmax over the pixels",
        "each pixel has a sigmoid of its own",
        (".sigmoid()", ".softmax(dim=1)"),
    ),
    edit("generator", "no picture", "the 64 numbers are a picture", ("x.view(-1, 1, 8, 8)", "x")),
    edit("generator", "no channel", "a picture has a channel", ("view(-1, 1, 8, 8)", "view(-1, 8, 8)")),
    edit(
        "generator",
        "squeezed",
        "view(-1, 1, 8, 8) keeps it",
        (
            "x.view(-1, 1, 8, 8)",
            "x.view(-1, 8, 8).squeeze().unsqueeze(-3) if len(z) == 1 else x.view(-1, 1, 8, 8)",
        ),
    ),
    edit(
        "generator",
        "detached",
        "cuts G off from its loss",
        ("x.view(-1, 1, 8, 8)", "x.view(-1, 1, 8, 8).detach()"),
    ),
    edit(
        "generator",
        "layers made in forward",
        "layers made in forward are new",
        ("self.condition = Embedding(classes, 16)", ""),
        (CAT, "torch.cat((z, Embedding(10, 16)(y)), dim=1)"),
        ("self.layers = nn.Sequential(", "self.layers = lambda h: nn.Sequential("),
        ("nn.Linear(128, 64)\n        )", "nn.Linear(128, 64)\n        )(h)"),
    ),
    edit(
        "generator",
        "too few inputs",
        "as many numbers as stand side by side",
        (G_INPUTS, "nn.Linear(noise, 128)"),
    ),
    edit(
        "generator",
        "wrong number of pixels",
        "64 numbers for each picture",
        ("nn.Linear(128, 64)", "nn.Linear(128, 50)"),
    ),
    edit(
        "generator",
        "no module",
        "a module knows its parameters",
        ("class Generator(nn.Module)", "class Generator"),
        ("super().__init__()", ""),
    ),
)

D_CAT = "torch.cat((x.flatten(1), self.condition(y)), dim=1)"
DISCRIMINATOR = (
    edit(
        "discriminator",
        "condition forgotten",
        "a fine 3 where a 7 was asked for",
        (D_CAT, "x.flatten(1)"),
        ("nn.Linear(64 + 16, 128)", "nn.Linear(64, 128)"),
    ),
    edit(
        "discriminator",
        "sigmoid at the end",
        "leave the sigmoid out",
        ("self.layers(h)", "self.layers(h).sigmoid()"),
    ),
    edit(
        "discriminator",
        "logits [B]",
        "[B] against [B, 1] broadcasts",
        ("self.layers(h)", "self.layers(h).squeeze(1)"),
    ),
    edit("discriminator", "two classes", "one logit is enough", ("nn.Linear(128, 1)", "nn.Linear(128, 2)")),
    edit(
        "discriminator",
        "mean over the batch",
        "no mean over the batch",
        ("self.layers(h)", "self.layers(h).mean(dim=0)"),
    ),
    edit(
        "discriminator",
        "softmax over the batch",
        "a softmax, norm or mean runs over the batch",
        ("self.layers(h)", "5 * self.layers(h) - self.layers(h).logsumexp(dim=0)"),
    ),
    edit(
        "discriminator",
        "picture detached",
        "It belongs into train_step",
        ("x.flatten(1)", "x.detach().flatten(1)"),
    ),
    edit(
        "discriminator",
        "everything cut off",
        "forward must not cut their gradient",
        ("self.layers(h)", "self.layers(h).data + 0 * x.flatten(1).sum(1, keepdim=True)"),
    ),
    edit("discriminator", "picture not flattened", "flatten it to [B, 64]", ("x.flatten(1)", "x")),
    edit(
        "discriminator",
        "batch flattened too",
        "keeps the B samples apart",
        (D_CAT, "torch.cat((x.flatten(), self.condition(y).flatten()))[None]"),
    ),
    edit(
        "discriminator",
        "concatenated along the batch",
        "beside the flattened picture x",
        ("self.condition(y)), dim=1", "self.condition(y)), dim=0"),
    ),
    edit(
        "discriminator",
        "picture ignored",
        "looks at the picture as well",
        ("x.flatten(1)", "0 * x.flatten(1)"),
    ),
    edit(
        "discriminator",
        "dropout that never rests",
        "nothing random belongs into forward",
        ("self.layers(h)", "self.layers(F.dropout(h, 0.3))"),
    ),
)

ONES = "torch.ones_like(real_logits)"
ZEROS = "torch.zeros_like(fake_logits)"
RETURN = "return real + fake"
DISCRIMINATOR_LOSS = (
    edit(
        "discriminator_loss",
        "labels flipped",
        "the labels are flipped",
        (ONES, "torch.zeros_like(real_logits)"),
        (ZEROS, "torch.ones_like(fake_logits)"),
    ),
    edit(
        "discriminator_loss",
        "sigmoid before the loss",
        "went through a sigmoid before",
        ("_logits(real_logits,", "_logits(real_logits.sigmoid(),"),
        ("_logits(fake_logits,", "_logits(fake_logits.sigmoid(),"),
    ),
    edit("discriminator_loss", "only real", "the half about real pictures alone", (RETURN, "return real")),
    edit(
        "discriminator_loss",
        "only generated",
        "the half about generated pictures alone",
        (RETURN, "return fake"),
    ),
    edit(
        "discriminator_loss",
        "generated called real",
        "both halves have the target 1",
        (ZEROS, "torch.ones_like(fake_logits)"),
    ),
    edit(
        "discriminator_loss",
        "real called generated",
        "both halves have the target 0",
        (ONES, "torch.zeros_like(real_logits)"),
    ),
    edit(
        "discriminator_loss",
        "halves averaged",
        "the two halves are added",
        (RETURN, "return (real + fake) / 2"),
    ),
    edit(
        "discriminator_loss",
        "summed over the batch",
        "the sum over the batch",
        (ONES, ONES + ", reduction='sum'"),
        (ZEROS, ZEROS + ", reduction='sum'"),
    ),
    edit(
        "discriminator_loss",
        "not reduced",
        "one number: the mean over the batch",
        (ONES, ONES + ", reduction='none'"),
        (ZEROS, ZEROS + ", reduction='none'"),
    ),
    edit("discriminator_loss", "sign turned", "the sign is turned", (RETURN, "return -(real + fake)")),
    edit(
        "discriminator_loss",
        "no logarithm",
        "the logarithm is missing",
        (RETURN, "return (1 - real_logits.sigmoid()).mean() + fake_logits.sigmoid().mean()"),
    ),
    edit(
        "discriminator_loss",
        "a number without graph",
        "return the tensor itself",
        (RETURN, "return (real + fake).item()"),
    ),
    edit(
        "discriminator_loss",
        "logits detached",
        "not to logits in the loss",
        ("_logits(fake_logits,", "_logits(fake_logits.detach(),"),
    ),
    edit(
        "discriminator_loss",
        "log of sigmoid",
        "log(sigmoid(t)) rounds to log(0)",
        (RETURN, "return -(real_logits.sigmoid().log().mean() + (1 - fake_logits.sigmoid()).log().mean())"),
    ),
    edit(
        "discriminator_loss",
        "targets [B]",
        "targets have the logits' shape [B, 1]",
        (ONES, "torch.ones(len(real_logits))"),
    ),
    edit(
        "discriminator_loss",
        "cross-entropy of probabilities",
        "wants probabilities, and these are logits",
        ("binary_cross_entropy_with_logits(real", "binary_cross_entropy(real"),
    ),
    edit(
        "discriminator_loss",
        "cross_entropy of one column",
        "cross_entropy is for several classes",
        (
            RETURN,
            "return sum(F.cross_entropy(l, torch.zeros(len(l)).long()) for l in (real_logits, fake_logits))",
        ),
    ),
    edit(
        "discriminator_loss",
        "least squares",
        "(LSGAN)",
        (RETURN, "return (real_logits - 1).square().mean() + fake_logits.square().mean()"),
    ),
    edit(
        "discriminator_loss",
        "critic of a WGAN",
        "WGAN",
        (RETURN, "return fake_logits.mean() - real_logits.mean()"),
    ),
)

G_ONES = "torch.ones_like(fake_logits)"
G_RETURN = "return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))"
GENERATOR_LOSS = (
    edit(
        "generator_loss",
        "saturating",
        "the saturating loss",
        (G_RETURN, "return F.logsigmoid(-fake_logits).mean()"),
    ),
    edit(
        "generator_loss",
        "asks for generated",
        "so that G wants D to say 'generated'",
        (G_ONES, "torch.zeros_like(fake_logits)"),
    ),
    edit(
        "generator_loss",
        "sigmoid before the loss",
        "has its own",
        ("_logits(fake_logits,", "_logits(fake_logits.sigmoid(),"),
    ),
    edit(
        "generator_loss",
        "summed over the batch",
        "summed over the batch",
        (G_ONES, G_ONES + ", reduction='sum'"),
    ),
    edit("generator_loss", "sign turned", "an optimiser makes it small", ("return F", "return -F")),
    edit(
        "generator_loss",
        "no logarithm",
        "the logarithm is missing",
        (G_RETURN, "return (1 - fake_logits.sigmoid()).mean()"),
    ),
    edit("generator_loss", "detached", "cut the loss off", (G_RETURN, G_RETURN + ".detach()")),
    edit(
        "generator_loss",
        "log of sigmoid",
        "log(sigmoid(t)) rounds to log(0)",
        (G_RETURN, "return -fake_logits.sigmoid().log().mean()"),
    ),
    edit(
        "generator_loss",
        "targets [B]",
        "torch.ones_like(logits) always fits",
        (G_ONES, "torch.ones(len(fake_logits))"),
    ),
    edit("generator_loss", "WGAN", "of a WGAN", (G_RETURN, "return -fake_logits.mean()")),
)
NETWORK_MISTAKES = EMBEDDING + GENERATOR + DISCRIMINATOR
LOSS_MISTAKES = DISCRIMINATOR_LOSS + GENERATOR_LOSS

"""What an error of PyTorch's most likely means here: (tasks, pattern, hint), the first that fits is told."""

import re

ANY = ""
NETWORKS = "embedding generator discriminator"
PLAYERS = "generator discriminator"
LOSSES = "discriminator_loss generator_loss"

CONCATENATE = (
    "the label's vector stands beside {other}, numbers of the same sample: torch.cat(..., dim=1). "
    "Along dim=0, which is the default, samples are stacked on samples."
)
ERRORS: tuple[tuple[str, str, str], ...] = (
    (ANY, r"returned None", "the function ends without `return`."),
    (ANY, r"is not there", "run the cell with your answer first, and keep the name as it was."),
    (
        NETWORKS,
        r"before Module\.__init__",
        "the first line of __init__ is super().__init__(): before it, a module can't hold layers.",
    ),
    (NETWORKS, r"is no nn\.Module", "write it as class ...(nn.Module): a module knows its parameters."),
    ("generator", r"must match except in dimension 0", CONCATENATE.format(other="the noise z")),
    (
        "discriminator",
        r"must match except in dimension 0",
        CONCATENATE.format(other="the flattened picture x"),
    ),
    (
        "discriminator",
        r"same number of dimensions.*(4 and 2|2 and 4)",
        "x is [B, 1, 8, 8]: flatten it to [B, 64] before it meets the label's vector (x.flatten(1)).",
    ),
    (
        PLAYERS,
        r"same number of dimensions",
        "y is a row of class numbers [B]. Send it through your Embedding first: that makes it [B, size].",
    ),
    (
        "embedding",
        r"index out of range|IndexError",
        "a table with a row for each class: nn.Embedding(classes, size), in this order.",
    ),
    (
        "embedding",
        r"shapes cannot be multiplied",
        "one-hot rows are as long as the largest label of the batch, unless you say how many classes there "
        "are: F.one_hot(y, classes).",
    ),
    (
        "discriminator",
        r"shapes cannot be multiplied \((1x|\d+x8 )",
        "x.flatten() makes one row of the whole batch, and x as it is ends in rows of 8: x.flatten(1) keeps "
        "the B samples apart, [B, 64].",
    ),
    (
        PLAYERS,
        r"shapes cannot be multiplied \((32|2)x",
        "the batch became twice as long: torch.cat joins along dim=0 by default; here it is dim=1.",
    ),
    (
        PLAYERS,
        r"shapes cannot be multiplied",
        "the first Linear takes as many numbers as stand side by side: those of z (32) or of x (64), and "
        "those of the label's vector.",
    ),
    (
        PLAYERS,
        r"shape '\[.*\]' is invalid",
        "the last layer gives 64 numbers for each picture, 8 x 8: view(-1, 1, 8, 8).",
    ),
    (
        NETWORKS,
        r"dtype|Long|Int",
        "labels are whole numbers and weights are not: one-hot rows need .float(), nn.Embedding takes y as "
        "it is.",
    ),
    (
        NETWORKS,
        r"does not require grad|doesn't require grad",
        "no gradient finds its way back: a detach(), a no_grad() or a .data cuts it off.",
    ),
    (
        LOSSES,
        r"Target size .* must be the same as input size",
        "targets have the logits' shape [B, 1], not [B]: torch.ones_like(logits) always fits.",
    ),
    (
        LOSSES,
        r"between 0 and 1|\[0, 1\]",
        "F.binary_cross_entropy wants probabilities, and these are logits: take "
        "F.binary_cross_entropy_with_logits.",
    ),
    (
        LOSSES,
        r"expected .*tensor",
        "the loss is one number in a tensor, so that backward() can start from it.",
    ),
    (LOSSES, r"positional argument", "keep the arguments: logits come in, one number goes out."),
    (
        "train_step",
        r"backward through the graph a second time",
        "D's loss ran back through G and used its graph up: D's turn takes G(z|y).detach().",
    ),
    (
        "train_step",
        r"modified by an inplace operation",
        "a gradient runs through weights that an optimiser has moved meanwhile: after D's step ask D "
        "anew what it says to G(z|y).",
    ),
    (
        "train_step",
        r"does not require grad",
        "this loss hangs on no weight: a detach() or no_grad() too many. Only D's turn has one, at its "
        "fakes.",
    ),
    (
        "train_step",
        r"iterate|not iterable|only one element|unpack",
        "end with `return loss_d.item(), loss_g.item()`: two numbers, the discriminator's first.",
    ),
    (
        "train_step sample_grid",
        r"shapes cannot be multiplied|size of tensor",
        "G takes noise [B, 32] and B labels, D takes B pictures and the same B labels.",
    ),
    (
        "sample_grid",
        r"expected a pair",
        "give back both: the pictures x and the labels y that they were drawn for.",
    ),
    (
        "sample_grid",
        r"expected a tensor|expected device|must be Tensor",
        "torch.cat or torch.stack makes one tensor of a list of tensors.",
    ),
    (
        "conditional_accuracy",
        r"size of tensor|must match|shape",
        "the judge gives logits [N, 10]: argmax over the classes, dim=1, gives N guesses to compare with y.",
    ),
    (
        "conditional_accuracy",
        r"only one element|expected a tensor|only tensors",
        "one number: the mean over the batch, with float(...) or .item().",
    ),
    (
        "diversity",
        r"Float|dtype|expected a tensor",
        "one number: the mean over the classes of the mean distance within each.",
    ),
)


def for_error(task: str, text: str) -> str:
    """The hint for an error's text, "" without one."""
    return next(
        (
            hint
            for tasks, pattern, hint in ERRORS
            if (not tasks or task in tasks.split()) and re.search(pattern, text)
        ),
        "",
    )

"""Typical wrong training steps, grids and measures, as in wrong_answers.py."""

from wrong_answers import edit

ZERO_D, ZERO_G = "    optimizer_d.zero_grad()\n", "    optimizer_g.zero_grad()\n"
STEP_D, STEP_G = "    optimizer_d.step()\n", "    optimizer_g.step()\n"
DETACHED = "discriminator(fake.detach(), y)"
TRAIN_STEP = (
    edit("train_step", "no detach", "D's turn takes G(z|y).detach()", (DETACHED, "discriminator(fake, y)")),
    edit(
        "train_step",
        "no detach, graph retained",
        "in D's turn take G(z|y).detach()",
        (DETACHED, "discriminator(fake, y)"),
        ("loss_d.backward()", "loss_d.backward(retain_graph=True)"),
    ),
    edit("train_step", "D's gradients not zeroed", "optimizer_d.zero_grad() before", (ZERO_D, "")),
    edit("train_step", "G's gradients not zeroed", "optimizer_g.zero_grad() before loss_g", (ZERO_G, "")),
    edit(
        "train_step",
        "optimisers exchanged",
        "each loss has its own player",
        (STEP_D, "    optimizer_x.step()\n"),
        (STEP_G, STEP_D),
        ("optimizer_x", "optimizer_g"),
    ),
    edit(
        "train_step",
        "D's optimiser twice",
        "after loss_g.backward() it is optimizer_g that steps",
        (STEP_G, STEP_D),
    ),
    edit(
        "train_step",
        "G's optimiser twice",
        "after loss_d.backward() it is optimizer_d that steps",
        (STEP_D, STEP_G),
    ),
    edit("train_step", "no step at all", "optimizer.step() moves the weights", (STEP_D, ""), (STEP_G, "")),
    edit(
        "train_step",
        "D steps before backward",
        "backward() comes before step()",
        (
            "    loss_d.backward()\n    optimizer_d.step()\n",
            "    optimizer_d.step()\n    loss_d.backward()\n",
        ),
        (ZERO_D, ""),
        ("    z = ", "    optimizer_d.zero_grad()\n    z = "),
    ),
    edit(
        "train_step",
        "G's turn detached as well",
        "in G's turn nothing is detached",
        ("discriminator(fake, y)", DETACHED),
    ),
    edit(
        "train_step",
        "graph of the old D",
        "after D's step ask D anew",
        ("    optimizer_d.zero_grad()", "    logits = discriminator(fake, y)\n    optimizer_d.zero_grad()"),
        ("generator_loss(discriminator(fake, y))", "generator_loss(logits)"),
    ),
    edit(
        "train_step",
        "noise reused",
        "this is reused",
        ("    z = torch.randn(len(x), NOISE)\n", "    z = FIXED[: len(x)]\n"),
        ("def train_step", "FIXED = torch.randn(64, NOISE)\n\n\ndef train_step"),
    ),
    edit(
        "train_step",
        "seed inside",
        "manual_seed in the function",
        ("    z = ", "    torch.manual_seed(0)\n    z = "),
    ),
    edit("train_step", "uniform noise", "torch.rand is uniform", ("torch.randn(", "torch.rand(")),
    edit(
        "train_step",
        "one noise for all",
        "makes B twins",
        ("torch.randn(len(x), NOISE)", "torch.randn(1, NOISE).expand(len(x), -1)"),
    ),
    edit(
        "train_step",
        "another label for D",
        "one y for both",
        (DETACHED, "discriminator(fake.detach(), y.flip(0))"),
    ),
    edit(
        "train_step",
        "real pairs broken",
        "x and y come as pairs",
        ("discriminator_loss(discriminator(x, y)", "discriminator_loss(discriminator(x, y.roll(1))"),
    ),
    edit(
        "train_step",
        "D never sees real ones",
        "D's loss needs D(x|y) and",
        ("discriminator_loss(discriminator(x, y)", "discriminator_loss(discriminator(fake.detach(), y)"),
    ),
    edit(
        "train_step",
        "real and generated exchanged",
        "the order is discriminator_loss(real, fake)",
        (
            "discriminator_loss(discriminator(x, y), discriminator(fake.detach(), y))",
            "discriminator_loss(discriminator(fake.detach(), y), discriminator(x, y))",
        ),
    ),
    edit(
        "train_step",
        "G's loss climbs",
        "loss_g.backward() as it is",
        ("loss_g.backward()", "(-loss_g).backward()"),
    ),
    edit(
        "train_step",
        "losses exchanged",
        "the discriminator's comes first",
        ("return loss_d.item(), loss_g.item()", "return loss_g.item(), loss_d.item()"),
    ),
    edit(
        "train_step",
        "one loss comes back",
        "two numbers, the discriminator's first",
        ("return loss_d.item(), loss_g.item()", "return loss_d.item()"),
    ),
    edit(
        "train_step",
        "no return",
        "two numbers, the discriminator's first",
        ("    return loss_d.item(), loss_g.item()\n", ""),
    ),
)

SAMPLE_GRID = (
    edit("sample_grid", "eval() never called", "generator.eval() first", ("    generator.eval()\n", "")),
    edit(
        "sample_grid", "train() not restored", "put back what you found", ("    generator.train(mode)\n", "")
    ),
    edit(
        "sample_grid",
        "train() always",
        "remember `generator.training` first",
        ("generator.train(mode)", "generator.train()"),
    ),
    edit(
        "sample_grid", "gradients kept", "to look is not to learn", ("torch.no_grad()", "torch.enable_grad()")
    ),
    edit(
        "sample_grid",
        "seed inside",
        "set it once, outside",
        ("    mode = ", "    torch.manual_seed(0)\n    mode = "),
    ),
    edit(
        "sample_grid",
        "noise reused",
        "this is reused",
        ("torch.randn(len(y), NOISE)", "FIXED[: len(y)]"),
        ("def sample_grid", "FIXED = torch.randn(500, NOISE)\n\n\ndef sample_grid"),
    ),
    edit(
        "sample_grid",
        "one noise for all classes",
        "hides how varied each is",
        ("torch.randn(len(y), NOISE)", "torch.randn(n, NOISE).repeat(CLASSES, 1)"),
    ),
    edit(
        "sample_grid",
        "one noise for all",
        "makes B twins",
        ("torch.randn(len(y), NOISE)", "torch.randn(1, NOISE).expand(len(y), -1)"),
    ),
    edit("sample_grid", "uniform noise", "torch.rand is uniform", ("torch.randn(", "torch.rand(")),
    edit(
        "sample_grid",
        "columns instead of rows",
        "torch.arange(10).repeat_interleave(n)",
        ("repeat_interleave(n)", "repeat(n)"),
    ),
    edit(
        "sample_grid",
        "labels drawn at random",
        "n times 0, then n times 1",
        ("torch.arange(CLASSES).repeat_interleave(n)", "torch.randint(CLASSES, (CLASSES * n,))"),
    ),
    edit(
        "sample_grid",
        "other labels returned",
        "give the same y to G and back",
        ("return x, y", "return x.flip(0), y"),
    ),
    edit("sample_grid", "float labels", "labels are whole numbers", ("return x, y", "return x, y.float()")),
    edit(
        "sample_grid",
        "grid of five dimensions",
        "x.flatten(0, 1)",
        ("return x, y", "return x.view(CLASSES, n, 1, 8, 8), y"),
    ),
    edit("sample_grid", "pictures only", "give back both", ("return x, y", "return x")),
    edit(
        "sample_grid",
        "a list of pictures",
        "makes one tensor of a list",
        ("return x, y", "return list(x), y"),
    ),
)

ACCURACY = "(judge(x).argmax(dim=1) == y).float().mean().item()"
CONDITIONAL_ACCURACY = tuple(
    edit("conditional_accuracy", name, hint, (ACCURACY, code))
    for name, hint, code in (
        (
            "argmax over the batch",
            "argmax runs over the wrong dimension",
            "(judge(x).argmax(dim=0) == y).float().mean().item()",
        ),
        (
            "[N] against [N, 1]",
            "that broadcasts to N x N",
            "(judge(x).argmax(dim=1, keepdim=True) == y).float().mean().item()",
        ),
        ("a count", "divide by how many", "(judge(x).argmax(dim=1) == y).sum().item()"),
        ("per cent", "in per cent", "100 * " + ACCURACY),
        ("error rate", "the share of wrong ones", "1 - " + ACCURACY),
        (
            "mean probability",
            "mean probability",
            "judge(x).softmax(dim=1)[torch.arange(len(y)), y].mean().item()",
        ),
        (
            "mean of the classes",
            "every picture counts alike",
            "sum((judge(x[y == k]).argmax(1) == k).float().mean() for k in y.unique()) / len(y.unique())",
        ),
        ("not reduced", "reduce with mean()", "(judge(x).argmax(dim=1) == y).float()"),
    )
)

MEANS = "means = [F.pdist(features[y == label]).mean() for label in y.unique()]"
RESULT = "return torch.stack(means).mean().item()"
DIVERSITY = (
    edit(
        "diversity",
        "all pairs",
        "ten classes always differ",
        (RESULT, "return F.pdist(features).mean().item()"),
    ),
    edit(
        "diversity",
        "between classes",
        "how far the classes are from each other",
        (RESULT, "return torch.cdist(features, features)[y[:, None] != y].mean().item()"),
    ),
    edit(
        "diversity",
        "between means",
        "the distance of the classes' means",
        (RESULT, "return F.pdist(torch.stack([features[y == k].mean(0) for k in y.unique()])).mean().item()"),
    ),
    edit(
        "diversity",
        "each with itself",
        "compared with itself",
        ("F.pdist(features[y == label])", "torch.cdist(features[y == label], features[y == label])"),
    ),
    edit(
        "diversity",
        "squared",
        "take the root",
        ("F.pdist(features[y == label])", "F.pdist(features[y == label]).square()"),
    ),
    edit(
        "diversity",
        "all pairs in one mean",
        "average each class by itself first",
        (MEANS, "means = [F.pdist(features[y == label]) for label in y.unique()]"),
        ("torch.stack", "torch.cat"),
    ),
    edit(
        "diversity",
        "classes summed",
        "the classes were summed",
        ("torch.stack(means).mean()", "torch.stack(means).sum()"),
    ),
    edit(
        "diversity",
        "city block",
        "city block",
        ("F.pdist(features[y == label])", "F.pdist(features[y == label], p=1)"),
    ),
    edit(
        "diversity",
        "mean over the features",
        "the wrong axis",
        ("F.pdist(features[y == label])", "(F.pdist(features[y == label]) / features.shape[1] ** 0.5)"),
    ),
    edit(
        "diversity",
        "standard deviation",
        "the standard deviation of each feature",
        ("F.pdist(features[y == label]).mean()", "features[y == label].std(dim=0).mean()"),
    ),
    edit("diversity", "all ten classes", "go over the classes that occur", ("y.unique()", "range(CLASSES)")),
)
TRAINING_MISTAKES = TRAIN_STEP + SAMPLE_GRID + CONDITIONAL_ACCURACY + DIVERSITY

"""Right answers in other styles than the solution's: (task, style, source)."""

RIGHT = (
    (
        "embedding",
        "one-hot and a linear layer",
        """
class Embedding(nn.Module):
    def __init__(self, classes=CLASSES, size=16):
        super().__init__()
        self.classes, self.linear = classes, nn.Linear(classes, size)

    def forward(self, y):
        return self.linear(F.one_hot(y, self.classes).float()).relu()
""",
    ),
    (
        "embedding",
        "einsum with a parameter",
        """
class Embedding(nn.Module):
    def __init__(self, classes=CLASSES, size=16):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, size))

    def forward(self, y):
        hot = (y[:, None] == torch.arange(len(self.weight))).float()
        return torch.einsum("bc,cs->bs", hot, self.weight)
""",
    ),
    (
        "generator",
        "convolutions and batch norm",
        """
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.label, self.start = nn.Embedding(10, 32), nn.Linear(64, 32 * 4)
        up = lambda i, o: [nn.BatchNorm2d(i), nn.ReLU(), nn.ConvTranspose2d(i, o, 4, 2, 1)]
        self.body = nn.Sequential(*up(32, 16), *up(16, 1), nn.Sigmoid())

    def forward(self, z, y):
        return self.body(self.start(torch.hstack([z, self.label(y)])).unflatten(1, (32, 2, 2)))
""",
    ),
    (
        "generator",
        "functional, label scales the features",
        """
class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        new = lambda *shape: nn.Parameter(0.1 * torch.randn(*shape))
        self.a, self.b, self.scale, self.shift = new(32, 64), new(64, 64), new(10, 64), new(10, 64)

    def forward(self, z, y):
        h = F.relu(torch.einsum("bz,zh->bh", z, self.a) * (1 + self.scale[y]) + self.shift[y])
        return torch.tanh(h @ self.b).add(1).div(2).reshape(len(z), 1, 8, 8)
""",
    ),
    (
        "generator",
        "clamped in training, dropout",
        """
class Generator(nn.Module):
    def __init__(self, noise=32, classes=10):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(noise + classes, 99), nn.GELU(), nn.Dropout(0.2))
        self.last = nn.Linear(99, 64)

    def forward(self, z, y):
        h = self.first(torch.cat([F.one_hot(y, 10).to(z.dtype), z], -1))
        return F.hardsigmoid(self.last(h)).view(z.size(0), 1, 8, 8)
""",
    ),
    (
        "discriminator",
        "convolutions with the label as a second channel",
        """
class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Embedding(10, 64)
        self.body = nn.Sequential(
            nn.Conv2d(2, 16, 3, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16 * 16, 1)
        )

    def forward(self, x, y):
        return self.body(torch.cat([x, self.map(y).view(-1, 1, 8, 8)], dim=1))
""",
    ),
    (
        "discriminator",
        "projection of the label on the features",
        """
class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.head, self.label = nn.Linear(64, 50), nn.Linear(50, 1), nn.Embedding(10, 50)

    def forward(self, x, y):
        h = F.leaky_relu(self.features(x.view(x.shape[0], -1)), 0.2)
        return self.head(h) + (h * self.label(y)).sum(dim=1, keepdim=True)
""",
    ),
    (
        "discriminator_loss",
        "softplus",
        """
def discriminator_loss(real_logits, fake_logits):
    return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
""",
    ),
    (
        "discriminator_loss",
        "one criterion for both",
        """
def discriminator_loss(real_logits, fake_logits):
    targets = torch.cat([torch.ones(len(real_logits)), torch.zeros(len(fake_logits))])
    criterion = nn.BCEWithLogitsLoss()
    return 2 * criterion(torch.cat([real_logits, fake_logits])[:, 0], targets)
""",
    ),
    (
        "discriminator_loss",
        "logsigmoid in double",
        """
def discriminator_loss(real_logits, fake_logits):
    return -(F.logsigmoid(real_logits.double()) + F.logsigmoid(-fake_logits.double())).mean()
""",
    ),
    ("generator_loss", "softplus", "def generator_loss(logits):\n    return F.softplus(-logits).mean()\n"),
    (
        "generator_loss",
        "a sum divided, of shape [1]",
        "def generator_loss(logits):\n    return -F.logsigmoid(logits).sum(0) / logits.shape[0]\n",
    ),
    (
        "train_step",
        "new noise in each turn, D frozen in G's",
        """
def train_step(generator, discriminator, optimizer_g, optimizer_d, x, y):
    optimizer_d.zero_grad()
    with torch.no_grad():
        fake = generator(torch.randn(x.size(0), 32), y)
    loss_d = discriminator_loss(discriminator(x, y), discriminator(fake, y))
    loss_d.backward()
    optimizer_d.step()
    discriminator.requires_grad_(False)
    optimizer_g.zero_grad()
    loss_g = generator_loss(discriminator(generator(torch.randn(x.size(0), 32), y), y))
    loss_g.backward()
    optimizer_g.step()
    discriminator.requires_grad_(True)
    return loss_d, loss_g
""",
    ),
    (
        "train_step",
        "one call of D for both, gradients thrown away at the end",
        """
def train_step(g, d, optimizer_g, optimizer_d, x, y):
    count = len(x)
    fake = g(torch.normal(0.0, 1.0, size=(count, NOISE)), y)
    logits = d(torch.cat([fake.detach(), x]), torch.cat([y, y]))
    losses = [discriminator_loss(logits[count:], logits[:count])]
    losses[0].backward()
    optimizer_d.step()
    losses += [generator_loss(d(fake, y))]
    losses[1].backward()
    optimizer_g.step()
    g.zero_grad()
    d.zero_grad()
    return [loss.item() for loss in losses]
""",
    ),
    (
        "train_step",
        "cross-entropies written out, other labels for the fakes",
        """
def train_step(g, d, optimizer_g, optimizer_d, x, y):
    z, asked = torch.randn(len(x), NOISE), y[torch.randperm(len(y))]
    one, zero = torch.ones(len(x), 1), torch.zeros(len(x), 1)
    bce = F.binary_cross_entropy_with_logits
    for optimizer in (optimizer_d, optimizer_g):
        optimizer.zero_grad(set_to_none=False)
    loss_d = bce(d(x, y), one) + bce(d(g(z, asked).detach(), asked), zero)
    loss_d.backward()
    optimizer_d.step()
    loss_g = bce(d(g(z, asked), asked), one)
    loss_g.backward()
    optimizer_g.step()
    return float(loss_d), float(loss_g)
""",
    ),
    (
        "sample_grid",
        "class by class",
        """
@torch.no_grad()
def sample_grid(generator, n):
    before = generator.training
    try:
        generator.train(False)
        rows = [generator(torch.randn(n, 32), torch.full((n,), k)) for k in range(10)]
    finally:
        generator.train(before)
    return torch.cat(rows), torch.tensor([k for k in range(10) for _ in range(n)])
""",
    ),
    (
        "sample_grid",
        "one by one",
        """
def sample_grid(generator, n):
    mode, pictures, labels = generator.training, [], []
    generator.eval()
    for i in range(10 * n):
        labels.append(i // n)
        pictures.append(generator(torch.randn(1, 32), torch.tensor([i // n])).detach()[0])
    if mode:
        generator.train()
    return torch.stack(pictures), torch.tensor(labels)
""",
    ),
    (
        "conditional_accuracy",
        "a loop",
        """
def conditional_accuracy(judge, x, y):
    right = 0
    for logits, label in zip(judge(x).tolist(), y.tolist()):
        right += max(range(10), key=logits.__getitem__) == label
    return right / len(y)
""",
    ),
    (
        "conditional_accuracy",
        "the first of topk, as a tensor",
        """
def conditional_accuracy(judge, x, y):
    with torch.inference_mode():
        return judge(x).topk(1).indices[:, 0].eq(y).double().mean()
""",
    ),
    (
        "diversity",
        "a loop over pairs",
        """
def diversity(features, y):
    means = []
    for label in sorted(set(y.tolist())):
        rows = [f for f, k in zip(features, y) if k == label]
        pairs = [(a - b).norm() for i, a in enumerate(rows) for b in rows[:i]]
        means.append(sum(pairs) / len(pairs))
    return sum(means) / len(means)
""",
    ),
    (
        "diversity",
        "masked distances",
        """
def diversity(features, y):
    apart = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    twins = (y[:, None] == y) & ~torch.eye(len(y), dtype=torch.bool)
    means = (apart * twins).sum(1) / twins.sum(1)
    return sum(means[y == k].mean().item() for k in y.unique()) / len(y.unique())
""",
    ),
)

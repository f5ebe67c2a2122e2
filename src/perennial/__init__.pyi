from perennial.bundle.bundle import load as load
from perennial.notebook import open as open

// What the page itself says; the answers are regtools' own.
export const WORDS = {
  en: {
    title: "Which line of registries.conf does what?",
    promise: "Paste your files, type an image name, and read where podman 4, 5 and 6 would pull it from. Nothing is sent anywhere: regtools runs inside this browser, and a link made here carries the files behind its #, which no server sees.",
    book: "The book", other: "中文",
    name: "Image name, as for podman pull", release: "Findings for podman", examples: "Examples",
    choose: "choose …", files: "Files", answer: "Where the name leads", findings: "Findings for podman",
    add: "Add a file", open: "Open files …", share: "Copy a link to this",
    drop: "Drop files here, or paste. daemon.json, YAML and the old format are recognised, too.",
    path: "path of this file", text: "text of", remove: "Remove", download: "Download",
    fixAll: "Apply all fixes", undo: "Undo", apply: "Apply this fix", copy: "Copy", show: "Show in file",
    diff: "What changes", either: "One of these:",
    loading: "Starting Python in this browser …", ready: "Ready.", reading: "Reading …", working: "Trying fixes …",
    nothing: "Nothing found.", applied: "Applied. Undo brings the old text back.",
    copied: "Copied.", linked: "Copied: whoever opens this link sees these files.",
    long: "The link has {0} characters; some programs cut long links.",
    damaged: "This link is damaged, so nothing was read from it: {0}",
    failed: "Python could not be started: {0}", broke: "regtools failed, which is a bug in it: {0}",
    bytes: "{0} is not UTF-8 text, so it was not opened.", large: "{0} has more than 1 MB, so it was not opened.",
  },
  zh: {
    title: "registries.conf 的哪一行起了什么作用？",
    promise: "粘贴你的文件，输入镜像名，就能看到 podman 4、5、6 会从哪里拉取。什么都不会发送出去：regtools 就在这个浏览器里运行；这里生成的链接把文件放在 # 之后，任何服务器都看不到。",
    book: "教程", other: "English",
    name: "镜像名，与 podman pull 的写法相同", release: "按哪个版本的 podman 检查", examples: "示例",
    choose: "选择……", files: "文件", answer: "这个名字会指向哪里", findings: "检查结果：podman",
    add: "添加文件", open: "打开文件……", share: "复制链接",
    drop: "可以把文件拖到这里，也可以直接粘贴。daemon.json、YAML 和旧格式也能识别。",
    path: "这个文件的路径", text: "文件内容：", remove: "移除", download: "下载",
    fixAll: "应用全部修复", undo: "撤销", apply: "应用这个修复", copy: "复制", show: "在文件中显示",
    diff: "会改动什么", either: "任选其一：",
    loading: "正在浏览器里启动 Python……", ready: "就绪。", reading: "正在读取……", working: "正在验证修复……",
    nothing: "没有发现问题。", applied: "已应用。点“撤销”可以恢复原文。",
    copied: "已复制。", linked: "已复制：打开这个链接的人会看到这些文件。",
    long: "这个链接有 {0} 个字符；有些程序会截断过长的链接。",
    damaged: "这个链接已损坏，没有从中读取任何内容：{0}",
    failed: "无法启动 Python：{0}", broke: "regtools 出错了，这是它的缺陷：{0}",
    bytes: "{0} 不是 UTF-8 文本，没有打开。", large: "{0} 超过 1 MB，没有打开。",
  },
};

// The words of examples stand in their comments, which a reader of either language sees.
export const EXAMPLES = [
  { en: "a value without quotes", zh: "值没有加引号", name: "nginx", files: { "/etc/containers/registries.conf":
    'unqualified-search-registries = [docker.io]\n' } },
  { en: "the search list in the mirror's table", zh: "搜索列表写进了镜像站的表", name: "nginx", files: { "/etc/containers/registries.conf":
    '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "near.example"\nunqualified-search-registries = ["docker.io"]\n' } },
  { en: "the user's file hides the machine's", zh: "用户的文件让系统的文件失效", name: "nginx", files: {
    "/etc/containers/registries.conf": 'unqualified-search-registries = ["docker.io"]\n\n[[registry]]\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "near.example"\n',
    "~/.config/containers/registries.conf": 'unqualified-search-registries = ["quay.io"]\n' } },
  { en: "Docker's daemon.json", zh: "Docker 的 daemon.json", name: "docker.io/library/nginx", files: { "/etc/containers/registries.conf":
    '{\n  "registry-mirrors": ["https://near.example"]\n}\n' } },
  { en: "two mirrors that work", zh: "两个可用的镜像站", name: "docker.io/library/nginx", files: { "/etc/containers/registries.conf":
    '[[registry]]\nprefix = "docker.io"\nlocation = "docker.io"\n\n[[registry.mirror]]\nlocation = "near.example"\n\n[[registry.mirror]]\nlocation = "far.example"\ninsecure = true\n' } },
];
